"use strict";
// Everything that comes from the server is put in as text, never as markup.

const KEY = "henna-token";
const at = (id) => document.getElementById(id);

function element(name, content, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  for (const part of [].concat(content ?? [])) made.append(part);
  return made;
}

function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 5400) return `${(value / 3600).toFixed(1)} h`;
  if (value >= 90) return `${Math.round(value / 60)} min`;
  if (value >= 10) return `${Math.round(value)} s`;
  if (value >= 1) return `${value.toFixed(1)} s`;
  if (value > 0) return value >= 1e-3 ? `${Math.round(value * 1e3)} ms` : `${Math.max(1, Math.round(value * 1e6))} µs`;
  return "0 s";
}

function bytes(value) {
  if (value === null || value === undefined) return "–";
  for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`;
  }
  return value === 0 ? "none" : `${value} B`;
}

async function ask(path, token) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { headers, cache: "no-store", credentials: "omit" });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw Object.assign(new Error(problem.detail ?? answer.statusText), { status: answer.status });
  }
  return answer.json();
}

function protection(plan) {
  if (plan.security_bits === null || plan.security_bits === undefined) return element("span", "not planned", "badge plain");
  if (plan.security_bits === 0) return element("span", "no protection", "badge bad");
  return element("span", `${plan.security_bits} bits`, "badge good");
}

function planRow(plan) {
  const learns = plan.server_learns.length ? `The server sees: ${plan.server_learns.join("; ")}.` : "";
  const words = [element("div", plan.parameters ?? "–")];
  const told = plan.reason ?? [plan.security, learns].filter(Boolean).join(" · ");
  if (told) words.push(element("div", told, "statement"));
  return element("tr", [
    element("th", plan.scheme),
    element("td", protection(plan)),
    element("td", words),
    element("td", bytes(plan.key_bytes), "number"),
    element("td", seconds(plan.sample_seconds), "number"),
  ]);
}

function weights(model) {
  if (!model.weights_encrypted) return `weights: ${model.weights}, in the clear here`;
  const hidden = model.plans.every((plan) => plan.security_bits > 0);
  return hidden ? "weights: encrypted, this server does not see them; for requests under the key of their owner alone"
    : "weights: encrypted, but this scheme protects nothing: the server can see them";
}

function modelCard(model) {
  const head = element("thead", element("tr", [
    element("th", "scheme"), element("th", "protects"), element("th", "parameters"),
    element("th", "keys in memory", "number"), element("th", "a sample, one thread", "number"),
  ]));
  const shape = (sizes) => sizes.join(" × ");
  return element("article", [
    element("h3", model.weights_encrypted ? `${model.name}, encrypted weights` : model.name),
    element("p", model.about, "about"),
    element("p", [`${shape(model.input_shape)} numbers in, ${shape(model.output_shape)} out · ${weights(model)} · `,
      element("code", model.digest.slice(0, 12))], "facts"),
    element("table", [head, element("tbody", model.plans.map(planRow))]),
  ]);
}

async function showModels() {
  const models = await ask("/v1/models");
  at("models").replaceChildren(...models.map(modelCard));
  const waiting = models.some((model) => model.plans.some((plan) => plan.reason === "it is being computed"));
  if (waiting) setTimeout(() => showModels().catch(() => {}), 3000);
}

function bar(fraction) {
  const made = document.createElement("progress");
  made.max = 1;
  made.value = fraction;
  made.setAttribute("aria-label", "progress");
  return made;
}

function anonymous(queue) {
  at("anonymous").replaceChildren(...queue.progress.map((fraction, index) =>
    element("div", [`job ${index + 1}`, bar(fraction), element("span", `${Math.round(fraction * 100)} %`, "number")])));
  at("nothing").hidden = queue.running + queue.queued > 0;
  at("nothing").textContent = "Nothing runs.";
}

const BADGES = { finished: "good", failed: "bad", running: "plain", queued: "plain" };

function jobRow(job) {
  const progress = [];
  if (job.state === "running" && job.progress) {
    progress.push(bar(job.progress.fraction), element("div", job.progress.step, "step"));
  } else if (job.state === "queued") {
    progress.push(element("span", `${job.ahead ?? 0} before it`, "step"));
  } else if (job.state === "failed") {
    progress.push(element("span", job.error ?? "", "step"));
  }
  const time = job.state === "finished" ? seconds(job.seconds)
    : job.remaining_seconds === null ? "–" : `${seconds(job.remaining_seconds)} left`;
  return element("tr", [
    element("td", element("code", job.id.slice(0, 8))),
    element("td", job.model), element("td", job.scheme), element("td", String(job.samples), "number"),
    element("td", element("span", job.state, `badge ${BADGES[job.state] ?? "plain"}`)),
    element("td", progress), element("td", time, "number"),
  ]);
}

function refuse(reason) {
  at("refusal").textContent = reason;
  at("refusal").hidden = !reason;
}

async function showJobs(token) {
  try {
    const jobs = await ask("/v1/jobs", token);
    refuse("");
    at("jobs").tBodies[0].replaceChildren(...jobs.map(jobRow));
    at("jobs").hidden = jobs.length === 0;
    at("anonymous").replaceChildren();
    at("nothing").hidden = jobs.length > 0;
    at("nothing").textContent = "You have no jobs here.";
    at("leave").hidden = false;
  } catch (error) {
    if (error.status === 401) leave();
    refuse(error.status === 401 ? "This token opens nothing here." : "The server does not answer.");
  }
}

function leave() {
  sessionStorage.removeItem(KEY);
  at("leave").hidden = true;
  at("jobs").hidden = true;
  at("jobs").tBodies[0].replaceChildren();
}

async function tick() {
  let pause = 2000;
  try {
    const queue = await ask("/v1/queue");
    at("running").textContent = queue.running;
    at("queued").textContent = `${queue.queued} / ${queue.places}`;
    at("remaining").textContent = seconds(queue.remaining_seconds);
    at("health").textContent = "ready";
    const token = sessionStorage.getItem(KEY);
    if (token) await showJobs(token); else anonymous(queue);
    if (queue.running) pause = 500;
  } catch {
    at("health").textContent = "away";
    pause = 4000;
  }
  setTimeout(tick, document.hidden ? 10000 : pause);
}

async function showReports() {
  const reports = await ask("/reports");
  at("reports-section").hidden = reports.length === 0;
  at("reports").replaceChildren(...reports.map((report) => {
    const link = element("a", [report.name.replace(/\.html$/, ""),
      element("small", [report.changed ? new Date(report.changed).toISOString().slice(0, 16).replace("T", " ") : "", ` · ${bytes(report.bytes)}`])]);
    link.href = `/reports/${encodeURIComponent(report.name)}`;
    return element("li", link);
  }));
}

at("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = at("token").value.trim();
  at("token").value = "";
  if (!token) return;
  sessionStorage.setItem(KEY, token);
  showJobs(token);
});
at("leave").addEventListener("click", () => { leave(); refuse(""); });

showModels().catch(() => {});
showReports().catch(() => {});
ask("/healthz").then((health) => { at("version").textContent = `henna ${health.version}`; }).catch(() => {});
tick();
