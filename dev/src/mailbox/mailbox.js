// Shows times in the reader's own zone, fits the frame to its mail, and brings in what arrives.
// The page works without it.

function localTimes() {
  for (const time of document.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time.textContent =
      "long" in time.dataset
        ? at.toLocaleString(undefined, { dateStyle: "long", timeStyle: "medium" })
        : at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  }
}

function fitFrame() {
  const frame = document.querySelector("iframe");
  if (!frame) return;
  const fit = () => {
    const root = frame.contentDocument?.documentElement;
    if (!root) return;
    frame.style.height = "0";
    frame.style.height = `${root.scrollHeight}px`;
  };
  frame.addEventListener("load", fit);
  addEventListener("resize", fit);
  fit();
}

async function replaceFrom(path) {
  const answer = await fetch(path);
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of ["nav", "header .views", "header form"]) {
    document.querySelector(part).replaceWith(next.querySelector(part));
  }
  if (document.body.className === "listing") {
    document.querySelector("main").replaceWith(next.querySelector("main"));
    document.title = next.title;
  }
  localTimes();
}

// What the page shows, so that nothing is missed that came while it loaded.
let seen = document.body.dataset.latest;
async function look() {
  try {
    const latest = await (await fetch("/latest")).text();
    if (latest !== seen) await replaceFrom(location.href);
    seen = latest;
  } catch {
    // The stack is down; the next look may find it again.
  }
  setTimeout(look, 1000);
}

localTimes();
fitFrame();
look();
