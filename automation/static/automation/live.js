"use strict";
{
  const FOLLOW_MS = 2000;
  const ANSWER_WITHIN_MS = 10000;
  const AT_END_PX = 8;

  /** Makes an element like a fresh one by touching what differs alone: focus, scroll position and
      selection stay where they are. */
  function update(old, fresh) {
    if (old.isEqualNode(fresh)) {
      return;
    }
    if (old.nodeName !== fresh.nodeName) {
      old.replaceWith(fresh);
    } else if (old.nodeType !== Node.ELEMENT_NODE) {
      old.nodeValue = fresh.nodeValue;
    } else {
      updateAttributes(old, fresh);
      updateChildren(old, fresh);
    }
  }

  function updateAttributes(old, fresh) {
    const isKept = (name) => name === "open" && old.nodeName === "DETAILS"; // A person opened it.
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !isKept(name)) {
        old.removeAttribute(name);
      }
    }
    for (const { name, value } of [...fresh.attributes]) {
      if (old.getAttribute(name) !== value && !isKept(name)) {
        old.setAttribute(name, value);
      }
    }
  }

  function updateChildren(old, fresh) {
    const children = [...old.children, ...fresh.children];
    if ("append" in fresh.dataset) {
      const known = new Set([...old.children].map((row) => row.dataset.part));
      old.append(...[...fresh.children].filter((row) => !known.has(row.dataset.part)));
    } else if (children.length && children.every((child) => child.dataset.part)) {
      updateParts(old, fresh);
    } else if (isAlike(old, fresh)) {
      const pairs = [...fresh.childNodes].map((child, place) => [old.childNodes[place], child]);
      pairs.forEach(([child, its]) => update(child, its));
    } else {
      old.replaceChildren(...fresh.childNodes);
    }
  }

  function isAlike(old, fresh) {
    const names = (node) => [...node.childNodes].map((child) => child.nodeName).join();
    return names(old) === names(fresh);
  }

  /** Children that have names come and go; those that stay are never moved. */
  function updateParts(old, fresh) {
    const wanted = new Set([...fresh.children].map((part) => part.dataset.part));
    [...old.children].filter((part) => !wanted.has(part.dataset.part)).forEach((part) => part.remove());
    let next = old.firstElementChild;
    for (const part of [...fresh.children]) {
      if (next?.dataset.part === part.dataset.part) {
        const same = next;
        next = next.nextElementSibling;
        update(same, part);
      } else {
        old.insertBefore(part, next);
      }
    }
  }

  /** Brings the story of an execution up to date until all that it tells of has ended. */
  function follow(box) {
    const told = document.getElementById("automation-stale");
    let version = "", timer, seenAt = box.dataset.now, isLooking = false;

    const isOn = () => box.querySelector("[data-follow]") !== null;
    const logBox = () => document.getElementById("automation-log");
    const isAtEnd = (log) => log.scrollHeight - log.scrollTop - log.clientHeight <= AT_END_PX;

    function toEnd() {
      const log = logBox();
      if (log) {
        log.scrollTop = log.scrollHeight;
      }
    }

    /** Says why the page is not up to date; nothing where it is. */
    function say(what) {
      const text = what ? told.dataset[what].replace("%(time)s", seenAt) : "";
      if (told.textContent.startsWith(text) && Boolean(text) === Boolean(told.textContent)) {
        return; // Said already, and not said again to who listens.
      }
      told.className = text ? "automation-hint automation-stale" : "";
      told.textContent = text;
      if (what === "out") {
        const link = document.createElement("a");
        link.href = window.location.href;
        link.textContent = told.dataset.logIn;
        told.append(" ", link);
      }
    }

    function show(html) {
      const fresh = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
      const log = logBox();
      const wasAtEnd = !log || isAtEnd(log);
      const focused = box.contains(document.activeElement) ? document.activeElement : null;
      const part = focused?.closest("[data-part]")?.dataset.part;
      update(box.firstElementChild, fresh);
      if (focused && !focused.isConnected) {
        keepFocusNear(part);
      }
      if (wasAtEnd) {
        toEnd();
      }
    }

    /** What had the focus is gone: what took its place gets it, else the headline. */
    function keepFocusNear(part) {
      const place = box.querySelector(`[data-part="${part}"] :is(a, button)`);
      const headline = box.querySelector("[data-part=headline]");
      headline.tabIndex = -1;
      (place || headline).focus({ preventScroll: true });
    }

    async function ask() {
      const last = logBox()?.querySelector("tbody tr:last-child");
      const headers = {
        "X-Automation-Fragment": "1",
        "X-Automation-Log-From": last ? Number(last.dataset.part) + 1 : 0,
        "If-None-Match": version,
      };
      const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
      return fetch(window.location.href, { headers, signal, cache: "no-store", redirect: "manual" });
    }

    /** Looks once; returns what is wrong, or nothing. */
    async function look() {
      try {
        const response = await ask();
        if (response.type === "opaqueredirect") {
          return "out";
        }
        if (response.status === 200) {
          show(await response.text());
          version = response.headers.get("ETag") || "";
        } else if (response.status !== 304) {
          return response.status === 404 ? "gone" : "error";
        }
        seenAt = decodeURIComponent(response.headers.get("X-Automation-Now") || "") || seenAt;
        return "";
      } catch {
        return "away";
      }
    }

    async function turn() {
      clearTimeout(timer);
      if (isLooking || document.hidden) {
        return;
      }
      isLooking = true;
      const wrong = await look();
      isLooking = false;
      say(wrong);
      if (isOn() && wrong !== "out" && wrong !== "gone") {
        timer = setTimeout(turn, FOLLOW_MS);
      }
    }

    if (isOn()) {
      toEnd();
      timer = setTimeout(turn, FOLLOW_MS);
      document.addEventListener("visibilitychange", () => isOn() && turn());
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const box = document.getElementById("automation-story");
    if (box) {
      follow(box);
    }
  });
}
