// What the page does beyond links and forms. Every answer of the server is HTML that its templates escaped, or JSON that is
// shown as text.
"use strict";

const $ = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const own = (path, options = {}) =>
  fetch(path, { credentials: "same-origin", ...options, headers: { accept: "application/json", ...options.headers } });

// The token stays in the cookie; it need not stay in the address, the history and what is copied from there.
if (new URLSearchParams(location.search).has("token")) {
  const address = new URL(location);
  address.searchParams.delete("token");
  history.replaceState(null, "", address);
}

async function loadPart(part) {
  try {
    const answer = await fetch(part.dataset.part, { credentials: "same-origin", headers: { "x-part": "1" } });
    part.innerHTML = await answer.text();
  } catch {
    part.textContent = "The server does not answer.";
  }
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copy).textContent;
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = before; }, 1500);
}

async function check(button) {
  const shown = document.getElementById(button.getAttribute("aria-describedby"));
  button.disabled = true;
  shown.textContent = "Running …";
  try {
    const answer = await own(button.dataset.check, { method: "POST" });
    const found = await answer.json();
    shown.textContent = found.result || found.error;
  } catch {
    shown.textContent = "The server does not answer.";
  }
  button.disabled = false;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button && button.dataset.copy) copy(button);
  if (button && button.dataset.check) check(button);
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});
document.addEventListener("submit", (event) => {
  // A second click sends nothing more.
  if (event.target.method === "post") setTimeout(() => all("button", event.target).forEach((each) => { each.disabled = true; }));
});
addEventListener("pageshow", () => all("form button").forEach((each) => { each.disabled = false; }));

// ── judging by keys ──
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.matches("input, textarea, select")) return;
  const button = $(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (button && !button.disabled) button.click();
});
const queryFile = $("#query-file");
if (queryFile) {
  queryFile.addEventListener("change", async () => {
    const [file] = queryFile.files;
    if (file) document.getElementById(queryFile.dataset.into).value = await file.slice(0, 1900000).text();
  });
}

// ── watching ──
function watch(place) {
  const source = new EventSource(place.dataset.events);
  const state = $("#state");
  source.onmessage = (event) => {
    const open = all("details", state).map((each) => each.open);
    state.innerHTML = event.data;
    all("details", state).forEach((each, number) => { each.open = Boolean(open[number]); });
    const working = Boolean($(".status.working", state));
    all("[data-when]").forEach((each) => { each.hidden = (each.dataset.when === "working") !== working; });
  };
  source.addEventListener("end", (event) => {
    source.close();
    if (place.dataset.state === "working" || event.data !== place.dataset.state) location.reload();
  });
}
const watching = $("#watching");
if (watching && watching.dataset.state === "working") watch(watching);

// ── a new run ──
const form = $("#new-run");
if (form) {
  let waiting;
  const preview = async () => {
    const answer = await own("/new/preview", { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const found = await answer.json();
    const problem = found.problem || found.error || "";
    $("#preview-problem").textContent = $("#generate-source").value ? problem : "";
    if (!problem) {
      $("#command").textContent = found.command;
      $("#recipe").textContent = found.recipe;
    }
  };
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(preview, 300); });
  if ($("#generate-source").value) preview();

  const drop = $("#drop");
  const said = $("#upload-state");
  const send = async (files) => {
    if (!files.length) return;
    const most = Number(drop.dataset.mostFiles);
    said.className = "";
    try {
      const bytes = files.reduce((sum, each) => sum + each.file.size, 0);
      if (files.length > most || bytes > Number(drop.dataset.mostBytes)) {
        throw new Error(`expected at most ${most} files of ${drop.dataset.mostBytes} bytes, found ${files.length} of ${bytes}; none was taken`);
      }
      const list = files.map((each) => ({ name: each.name, size: each.file.size }));
      const announced = await ok(await own("/uploads/", { method: "POST", body: JSON.stringify(list), headers: { "content-type": "application/json" } }));
      let sent = 0;
      for (const each of files) {
        const path = `/uploads/${announced.id}/${each.name.split("/").map(encodeURIComponent).join("/")}`;
        await ok(await own(path, { method: "PUT", body: each.file }));
        sent += 1;
        said.textContent = `${sent} of ${files.length} files copied`;
      }
      const done = await ok(await own(`/uploads/${announced.id}/done`, { method: "POST" }));
      $("#generate-source").value = done.folder;
      said.textContent = `${files.length} files copied to ${done.folder}`;
      await preview();
    } catch (error) {
      said.className = "error";
      said.textContent = error.message;
    }
  };
  const ok = async (answer) => {
    const found = answer.status === 204 ? {} : await answer.json();
    if (!answer.ok) throw new Error(found.error || "The server refused it.");
    return found;
  };
  const named = (list) => [...list].map((file) => ({ name: file.webkitRelativePath || file.name, file })).filter((each) => !each.name.split("/").some((part) => part.startsWith(".")));
  for (const input of [$("#files"), $("#folder")]) input.addEventListener("change", () => send(named(input.files)));

  const entriesIn = async (entry, before) => {
    if (entry.name.startsWith(".")) return [];
    if (entry.isFile) return [{ name: before + entry.name, file: await new Promise((done, failed) => entry.file(done, failed)) }];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const batch = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!batch.length) return found;
      for (const inner of batch) found.push(...await entriesIn(inner, `${before}${entry.name}/`));
    }
  };
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragenter" || name === "dragover");
    });
  }
  drop.addEventListener("drop", async (event) => {
    const entries = [...event.dataTransfer.items].map((each) => each.webkitGetAsEntry && each.webkitGetAsEntry()).filter(Boolean);
    if (!entries.length) return send(named(event.dataTransfer.files));
    const files = [];
    for (const entry of entries) files.push(...await entriesIn(entry, ""));
    return send(files);
  });
}

all("[data-part]").forEach(loadPart);
