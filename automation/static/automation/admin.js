"use strict";
{
  const TYPING_MS = 300;

  /** What a process form shows of the schedule and of the function, as one types. */
  function followTheForm() {
    const box = document.getElementById("automation-schedule");
    if (!box || !document.getElementById("id_cron")) {
      return;
    }
    const field = (name) => document.getElementById(`id_${name}`);
    const token = document.querySelector("[name=csrfmiddlewaretoken]");
    const retriesLine = document.getElementById("automation-retries");
    const timing = ["name", "function", ...box.dataset.timing.split(" ")];
    const kinds = JSON.parse(box.dataset.kinds); // The inputs of each kind of schedule.
    const retries = retriesLine.dataset.fields.split(" ");
    const inputs = new Map(); // Of each function that was chosen, with what was typed into them.
    let timer, retriesTimer, asked = 0, shown = field("function").value;

    async function fetchText(url, values) {
      return textOf(`${url}?${new URLSearchParams(values)}`);
    }

    async function textOf(url, options) {
      try {
        const response = await fetch(url, options);
        return response.ok && !response.redirected ? response.text() : null;
      } catch {
        return null; // The server is away for a moment.
      }
    }

    async function showSchedule() {
      const turn = ++asked;
      const body = new URLSearchParams(timing.map((name) => [name, field(name).value]));
      body.set("process", box.dataset.process);
      body.set("is_enabled", field("is_enabled").checked);
      body.set("today", answer());
      // Posted because it may be longer than an address; it changes nothing.
      const headers = { "X-CSRFToken": token.value };
      const html = await textOf(box.dataset.url, { method: "POST", body, headers });
      if (html !== null && turn === asked) {
        const chosen = answer(); // Somebody may have answered meanwhile.
        box.innerHTML = html;
        for (const choice of box.querySelectorAll("[name=today]")) {
          choice.checked = choice.value === chosen;
        }
      }
    }

    function answer() {
      return box.querySelector("[name=today]:checked")?.value || "";
    }

    /** Hides the inputs of other kinds of schedule, unless something is wrong with them. */
    function showInputs() {
      const isOnTime = field("trigger_type").value === "time_based";
      const show = (name, isShown) => {
        const row = field(name).closest(".form-row");
        row.hidden = !isShown && !row.querySelector(".errorlist");
      };
      show("schedule_kind", isOnTime);
      for (const [kind, names] of Object.entries(kinds)) {
        const isShown = isOnTime && field("schedule_kind").value === kind;
        names.forEach((name) => show(name, isShown));
      }
      show("catch_up_limit", field("catch_up").value === "all");
    }

    async function showRetries() {
      const values = retries.map((name) => [name, field(name).value]);
      const text = await fetchText(retriesLine.dataset.url, values);
      if (text !== null) {
        retriesLine.innerHTML = text;
      }
    }

    async function fetchParameters(name) {
      const url = box.dataset.url.replace(/schedule\/$/, "parameters/");
      const html = await fetchText(url, { function: name });
      if (html === null) {
        return null;
      }
      const fresh = new DOMParser().parseFromString(html, "text/html");
      return {
        what: fresh.getElementById("automation-new-what").textContent,
        node: fresh.getElementById("automation-parameters"),
      };
    }

    async function showParameters() {
      const name = field("function").value;
      const what = document.getElementById("automation-what");
      const fresh = inputs.get(name) || (await fetchParameters(name));
      const old = document.getElementById("automation-parameters");
      // Somebody may have gone on to another one before this answer came.
      if (fresh === null || name !== field("function").value || name === shown) {
        return;
      }
      inputs.set(shown, { what: what.textContent, node: old });
      what.textContent = fresh.what;
      old.replaceWith(fresh.node);
      shown = name;
    }

    function soon() {
      clearTimeout(timer);
      timer = setTimeout(showSchedule, TYPING_MS);
    }

    function soonTheRetries() {
      clearTimeout(retriesTimer);
      retriesTimer = setTimeout(showRetries, TYPING_MS);
    }

    for (const name of [...timing, "is_enabled"]) {
      field(name).addEventListener("input", soon);
    }
    for (const name of ["trigger_type", "schedule_kind", "catch_up"]) {
      field(name).addEventListener("input", showInputs);
    }
    // What is chosen from tomorrow on changes what comes.
    box.addEventListener("change", soon);
    showInputs();
    if (document.querySelector(".errornote")) {
      showSchedule();
    }
    for (const name of retries) {
      field(name)?.addEventListener("input", soonTheRetries);
    }
    field("function").addEventListener("change", showParameters);
  }

  document.addEventListener("DOMContentLoaded", () => {
    followTheForm();
  });
}
