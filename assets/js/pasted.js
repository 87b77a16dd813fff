// What is on the clipboard: text comes before its own picture, which spreadsheets and word processors
// put beside it; sounds are files, and their names need not be text as well.

const SOUND = /^(audio|video)\//;
const SUFFIX = /\.(aac|ac3|aif[cf]?|amr|ape|au|caf|dss|ds2|flac|gsm|m4[abpv]|mka|mkv|mov|mp[234]|mpe?g|og[agv]|opus|ra|spx|tta|voc|w64|wav|webm|wma|wv|3gp|avi)$/i;

const isSound = ({ type, name }) => SOUND.test(type) || SUFFIX.test(name);

/** { files, text, isPlain }: what to attach, what to write, and whether the browser writes that itself. */
export function read(clipboard) {
  const all = [...clipboard.files], text = textOf(clipboard), isPlain = !!clipboard.getData("text/plain").trim();
  if (!all.length) return { files: [], text, isPlain };
  const names = text.split(/\s*[\r\n]+\s*/).filter(line => line && !all.some(({ name }) => address(line).endsWith(name)));
  const own = names.length ? text : "";
  return { files: own ? all.filter(isSound) : all, text: own, isPlain: isPlain && !!own };
}

function address(line) {
  try {
    return decodeURIComponent(line);
  } catch {
    return line;
  }
}

function textOf(clipboard) {
  const given = type => clipboard.getData(type).trim() && clipboard.getData(type);
  return given("text/plain") || html(given("text/html")) || rtf(given("text/rtf")) || links(given("text/uri-list"));
}

const links = list => list.split(/\r?\n/).filter(line => line && !line.startsWith("#")).join("\n");

/** A page's words: rows of a table as lines, its cells with tabs between them. Nothing of it is run or loaded. */
function html(source) {
  const { body } = new DOMParser().parseFromString(source, "text/html");
  body.querySelectorAll("style, script, title, template").forEach(one => one.remove());
  body.querySelectorAll("td + td, td + th, th + td, th + th").forEach(one => one.prepend("\u0001"));
  body.querySelectorAll("br, tr, p, div, li, h1, h2, h3, h4, h5, h6, pre, blockquote").forEach(one => one.after("\u0002"));
  const text = body.textContent.replace(/\s+/g, " ").replace(/ ?\u0001 ?/g, "\t").replace(/ ?\u0002[ \u0002]*/g, "\n");
  return text.trim();
}

const UNSHOWN = /\{\\\*|\{\\(fonttbl|colortbl|stylesheet|info|pict|header|footer)\b/;

/** The words of Rich Text Format. */
function rtf(source) {
  let at, text = source;
  while ((at = text.search(UNSHOWN)) >= 0) text = text.slice(0, at) + text.slice(group(text, at));
  return text
    .replace(/\\u(-?\d+)\s?(\\'[\da-f]{2}|\?)?/gi, (_, code) => escaped((Number(code) + 65536) % 65536))
    .replace(/\\'([\da-f]{2})/gi, (_, code) => escaped(new TextDecoder("windows-1252").decode(Uint8Array.of(parseInt(code, 16))).codePointAt(0)))
    .replace(/\r?\n/g, "")
    .replace(/\\(par|line|row)\b ?/g, "\n")
    .replace(/\\(tab|cell)\b ?/g, "\t")
    .replace(/\\([{}\\])/g, (_, one) => escaped(one.codePointAt(0)))
    .replace(/\\[a-z]+-?\d* ?|\\\*|[{}]/gi, "")
    .replace(/\u0001(\d+);/g, (_, code) => String.fromCodePoint(code))
    .trim();
}

const escaped = code => `\u0001${code};`; // until all that is markup is gone

/** Where the group ends that begins here. */
function group(text, from) {
  for (let at = from, depth = 0; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "{") depth++;
    else if (text[at] === "}" && --depth === 0) return at + 1;
  }
  return text.length;
}
