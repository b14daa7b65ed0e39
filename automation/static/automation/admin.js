"use strict";
{
  const FOLLOW_MS = 2000;
  const TYPING_MS = 300;

  /** What a process form shows of the schedule and of the function, as one types. */
  function followTheForm() {
    const box = document.getElementById("behflow-schedule");
    if (!box || !document.getElementById("id_cron")) {
      return;
    }
    const field = (name) => document.getElementById(`id_${name}`);
    const inputs = new Map(); // Of each function that was chosen, with what was typed into them.
    let timer, retriesTimer, asked = 0, shown = field("function").value;

    async function fetchText(url, values) {
      try {
        const response = await fetch(`${url}?${new URLSearchParams(values)}`);
        return response.ok && !response.redirected ? response.text() : null;
      } catch {
        return null; // The server is away for a moment.
      }
    }

    async function showSchedule() {
      const turn = ++asked;
      const html = await fetchText(box.dataset.url, {
        function: field("function").value,
        trigger_type: field("trigger_type").value,
        cron: field("cron").value,
        timezone: field("timezone").value,
        is_enabled: field("is_enabled").checked,
      });
      if (html !== null && turn === asked) {
        box.innerHTML = html;
      }
    }

    async function showRetries() {
      const line = document.getElementById("behflow-retries");
      const names = ["max_retries", "retry_delay", "retry_backoff", "retry_max_delay"];
      const text = await fetchText(
        line.dataset.url,
        names.map((name) => [name, field(name).value]),
      );
      if (text !== null) {
        line.innerHTML = text;
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
        what: fresh.getElementById("behflow-new-what").textContent,
        node: fresh.getElementById("behflow-parameters"),
      };
    }

    async function showParameters() {
      const name = field("function").value;
      const what = document.getElementById("behflow-what");
      const fresh = inputs.get(name) || (await fetchParameters(name));
      const old = document.getElementById("behflow-parameters");
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

    for (const name of ["function", "trigger_type", "cron", "timezone", "is_enabled"]) {
      field(name)?.addEventListener("input", soon);
    }
    for (const name of ["max_retries", "retry_delay", "retry_backoff", "retry_max_delay"]) {
      field(name)?.addEventListener("input", soonTheRetries);
    }
    field("function").addEventListener("change", showParameters);
  }

  /** Brings the story of an execution up to date until it has ended.

      Whoever was logged out meanwhile is led to the login page, as a reload would. */
  function followTheStory() {
    const box = document.getElementById("behflow-story");
    if (!box) {
      return;
    }
    const isOn = () => box.querySelector("[data-follow]") !== null;
    let version = "";

    async function look() {
      if (!document.hidden) {
        try {
          const headers = { "X-Behflow-Fragment": "1", "If-None-Match": version };
          const response = await fetch(window.location.href, { headers, cache: "no-store" });
          if (response.redirected) {
            window.location.reload();
            return;
          }
          if (response.status === 200) {
            version = response.headers.get("ETag") || "";
            box.innerHTML = await response.text();
          }
        } catch {
          // The server is away for a moment; the next look may find it.
        }
      }
      if (isOn()) {
        setTimeout(look, FOLLOW_MS);
      }
    }

    if (isOn()) {
      setTimeout(look, FOLLOW_MS);
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    followTheForm();
    followTheStory();
  });
}
