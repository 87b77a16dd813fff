// The page comes to life: every part is started once, when Gradio has put the page together.

import * as alive from "./alive.js";
import * as aloud from "./aloud.js";
import * as announce from "./announce.js";
import * as bin from "./bin.js";
import * as composer from "./composer.js";
import { $ } from "./dom.js";
import * as dropping from "./dropping.js";
import * as earlier from "./earlier.js";
import * as examples from "./examples.js";
import * as guests from "./guests.js";
import * as heard from "./heard.js";
import { language, translate } from "./i18n.js";
import * as host from "./host.js";
import * as keys from "./keys.js";
import * as marks from "./marks.js";
import * as model from "./model.js";
import { tried } from "./notice.js";
import * as player from "./player.js";
import * as room from "./room.js";
import { connect } from "./server.js";
import * as settings from "./settings.js";
import * as share from "./share.js";
import * as sharing from "./sharing.js";
import * as shelf from "./shelf.js";
import * as spectrum from "./spectrum.js";
import * as tasks from "./tasks.js";
import * as turns from "./turns.js";
import * as typing from "./typing.js";
import * as view from "./view.js";
import * as wave from "./wave.js";
import * as welcome from "./welcome.js";

export function start(element, server, look) {
  document.documentElement.lang = language; // Gradio has put its own there
  translate(document);
  connect(server, alive.doubt);
  view.start(look);
  typing.start();
  composer.start(element);
  host.start();
  tasks.start();
  wave.start();
  player.start();
  spectrum.start();
  marks.start();
  heard.start();
  turns.start();
  earlier.start();
  aloud.start();
  room.start();
  shelf.start();
  settings.start();
  share.start();
  model.start();
  guests.start();
  sharing.start();
  welcome.start();
  bin.start();
  keys.start();
  dropping.start();
  examples.start();
  announce.start();
  model.onLooked(({ changed }) => changed && (view.refresh(), room.again(), tasks.forget()));
  alive.start(() => (view.refresh(), tried(shelf.refresh)), composer.isBusy);
  view.onShown(() => {
    $("#bar .title").textContent = view.title();
    document.title = view.title() ? `${view.title()} · Earshot` : "Earshot";
  });
  navigator.serviceWorker?.register("earshot/worker.js", { scope: "./" }).catch(() => {}); // it is a comfort only
  if (matchMedia("(hover: hover)").matches) composer.focus();
}
