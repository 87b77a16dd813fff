// A file from Earshot into the person's downloads, with word of it while it is being written.

import { save } from "./dom.js";
import { t } from "./i18n.js";
import { toast, told } from "./notice.js";
import { file } from "./server.js";

export async function download(address) {
  const tell = toast(t("export.writing"), { stays: true });
  await told(async () => {
    const { blob, name } = await file(address);
    save(blob, name);
  });
  tell("");
}
