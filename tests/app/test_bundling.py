"""Our scripts in one file do what they do apart."""

import json
import re
import shutil
import subprocess

import pytest

from app import assets, bundling, gradios

node = shutil.which("node")
FILES = {
    "main.js": 'import * as one from "./one.js";\nimport { two as zwei, $ } from "./two.js";\n'
    "export function start() {\n  return [one.name(), zwei, $, one.count()];\n}\n",
    "one.js": '// Its own.\n\nimport { two } from "./two.js";\n\nlet n = two;\n'
    "const hidden = 1;\nexport const name = () => `one ${hidden}`;\n"
    "export async function later() {}\nexport const count = () => ++n;\n",
    "two.js": 'export const two = 2; // "import" is a word, too\nexport const $ = "dollar";\n',
}


@pytest.mark.skipif(not node, reason="no node in PATH")
def test_modules_keep_their_scopes_and_their_order(tmp_path):
    file = tmp_path / "bundle.mjs"
    told = "\nconsole.log(JSON.stringify(start()));"
    file.write_text(bundling.scripts(FILES, "main.js") + told)
    done = subprocess.run([node, file], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["one 1", 2, "dollar", 3]


@pytest.mark.parametrize(
    "line", ['import "./one.js";', "export default 1;", 'export { two } from "./two.js";']
)
def test_a_form_that_is_not_known_is_refused(line):
    with pytest.raises(AssertionError, match="main.js"):
        bundling.scripts(FILES | {"main.js": line}, "main.js")


def test_modules_that_import_each_other_are_refused():
    circle = FILES | {"two.js": 'import { name } from "./one.js";\n' + FILES["two.js"]}
    with pytest.raises(AssertionError, match="imports itself"):
        bundling.scripts(circle, "main.js")


def test_every_script_and_style_is_in_what_the_page_asks_for():
    script = assets.LISTED[assets.SCRIPT].decode()
    for file in (assets.FOLDER / "js").glob("*.js"):
        assert f"const of_{file.stem} = (() =>" in script, file
    styles = {file.stem for file in (assets.FOLDER / "css").glob("*.css")}
    assert styles == set(assets.LAYERS)


def test_gradios_scripts_are_there():
    found = gradios.scripts()
    assert any(name.startswith("assets/HTML-") for name in found) and len(found) < 40
    for name in found:
        assert (gradios.FOLDER.parent / name).exists(), name
        assert re.fullmatch(r"assets/[\w.-]+\.js", name)
