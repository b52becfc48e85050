// Names as chips: a comma or Enter ends one, Backspace takes the last back, a list can be pasted.

export class Names {
  /** `box` holds a list and an input; `changed` is called after every change. */
  constructor(box, changed) {
    this.list = box.querySelector("ul");
    this.input = box.querySelector("input");
    this.changed = changed;
    this.values = [];
    box.addEventListener("click", (event) => { if (event.target === box) this.input.focus(); });
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("input", () => { if (/[,\n;]/.test(this.input.value)) this.finish(); });
    this.input.addEventListener("blur", () => this.finish());
    this.input.addEventListener("paste", (event) => {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (!/[,\n;\t]/.test(text)) return;
      event.preventDefault();
      this.add(text);
    });
  }

  key(event) {
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && this.input.value.trim()) {
      event.preventDefault();
      this.finish();
    } else if (event.key === "Backspace" && !this.input.value && this.values.length) {
      this.input.value = this.values.at(-1);
      this.set(this.values.slice(0, -1));
      event.preventDefault();
    }
  }

  /** Take what is being typed as a name. */
  finish() {
    if (!this.input.value.trim()) return;
    const text = this.input.value;
    this.input.value = "";
    this.add(text);
  }

  add(text) {
    const plain = (name) => name.trim().replace(/\s+/g, " ").toLowerCase();
    const known = new Set(this.values.map(plain));
    const fresh = text.split(/[,\n;\t]/).map((name) => name.trim()).filter((name) => {
      if (!name || known.has(plain(name))) return false;
      return known.add(plain(name));
    });
    this.set([...this.values, ...fresh]);
  }

  set(values) {
    this.values = values;
    this.list.replaceChildren(...values.map((name, place) => this.chip(name, place)));
    this.changed?.();
  }

  chip(name, place) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "×";
    button.setAttribute("aria-label", `Remove ${name}`);
    button.addEventListener("click", () => {
      this.set(this.values.filter((_, other) => other !== place));
      this.input.focus();
    });
    const text = document.createElement("span");
    text.textContent = name;
    item.append(text, button);
    return item;
  }
}
