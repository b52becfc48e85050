// The picture with its regions on a canvas.
import { maskAt } from "./masks.js";

const LEAST = 1000, MOST = 1600; // pixels of the longer side of the canvas

const rgb = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));

export class Overlay {
  /** Draws on a canvas; `show` takes a picture, `regions` what lies on it. */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.layer = document.createElement("canvas");
    this.picture = null;
    this.regions = [];
    this.opacity = 0.5;
    this.labels = true;
    this.lit = -1; // the region that is pointed at
  }

  /** A new picture, without regions. */
  show(picture) {
    const side = Math.max(picture.width, picture.height);
    const scale = Math.min(Math.max(1, LEAST / side), MOST / side);
    this.canvas.width = this.layer.width = Math.max(1, Math.round(picture.width * scale));
    this.canvas.height = this.layer.height = Math.max(1, Math.round(picture.height * scale));
    this.canvas.style.setProperty("--shape", picture.width / picture.height);
    this.picture = picture;
    this.take([], {});
  }

  /** Regions of an answer: label, score, segmentation. */
  take(regions, colors) {
    const { width, height } = this.canvas;
    this.regions = regions.map((region) => ({
      ...region, visible: true, color: rgb(colors[region.label]),
      mask: maskAt(region.segmentation, width, height), box: this.boxOf(region),
    }));
    // Large ones first, so that small ones are seen and can be pointed at.
    this.order = this.regions.map((_, number) => number).sort((a, b) => this.regions[b].area - this.regions[a].area);
    this.lit = -1;
    this.draw();
  }

  /** Left, top, right, bottom of a region on the canvas. */
  boxOf({ bbox: [x, y, wide, high], segmentation: { size: [rows, columns] } }) {
    const { width, height } = this.canvas;
    const across = width / columns, down = height / rows;
    return [
      Math.floor(x * across), Math.floor(y * down),
      Math.min(width, Math.ceil((x + wide) * across)), Math.min(height, Math.ceil((y + high) * down)),
    ];
  }

  /** Number of the region at a place of the canvas; -1 for none. */
  at(x, y) {
    const place = Math.floor(y) * this.canvas.width + Math.floor(x);
    const under = this.order.filter((number) => this.regions[number].visible && this.regions[number].mask[place]);
    return under.length ? under[under.length - 1] : -1;
  }

  light(number) {
    if (number === this.lit) return;
    this.lit = number;
    this.draw();
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    if (!this.picture) return;
    const { width, height } = this.canvas;
    this.context.drawImage(this.picture, 0, 0, width, height);
    const layer = this.layer.getContext("2d");
    const image = layer.createImageData(width, height);
    const visible = this.order.filter((number) => this.regions[number].visible);
    for (const number of visible) this.fill(image.data, number);
    layer.putImageData(image, 0, 0);
    this.context.drawImage(this.layer, 0, 0);
    if (this.labels) for (const number of visible) this.name(this.regions[number]);
  }

  fill(data, number) {
    const { width, height } = this.canvas;
    const { mask, color, box: [left, top, right, bottom] } = this.regions[number];
    const dim = this.lit >= 0 && this.lit !== number;
    const inside = 255 * this.opacity * (dim ? 0.35 : 1);
    const reach = this.lit === number ? 4 : 2; // thickness of the outline
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const place = y * width + x;
        if (!mask[place]) continue;
        const edge = x < reach || y < reach || x >= width - reach || y >= height - reach
          || !mask[place - reach] || !mask[place + reach] || !mask[place - reach * width] || !mask[place + reach * width];
        data.set(color, 4 * place);
        data[4 * place + 3] = edge && !dim ? 255 : inside;
      }
    }
  }

  /** Write a region's name in its middle. */
  name({ label, mask, color }) {
    const { context, canvas } = this;
    const at = middle(mask, canvas.width);
    if (!at) return;
    const size = (13 * canvas.width) / Math.max(1, canvas.clientWidth); // as large as texts of the page
    context.font = `600 ${size}px system-ui, sans-serif`;
    const width = context.measureText(label).width + size * 0.9;
    const x = Math.min(Math.max(0, at[0] - width / 2), canvas.width - width);
    const y = Math.min(Math.max(0, at[1] - size * 0.75), canvas.height - size * 1.5);
    context.fillStyle = `rgb(${color})`;
    context.beginPath();
    context.roundRect(x, y, width, size * 1.5, size * 0.4);
    context.fill();
    context.fillStyle = bright(color) ? "#14171c" : "#ffffff";
    context.textBaseline = "middle";
    context.fillText(label, x + size * 0.45, y + size * 0.78);
  }
}

/** Where a name is written: the middle of the longest run of the mask's middle row. */
function middle(mask, width) {
  let count = 0;
  for (const set of mask) count += set;
  if (!count) return null;
  let seen = 0, place = 0;
  while (seen < count / 2) seen += mask[place++];
  const row = Math.floor((place - 1) / width);
  let best = 0, middleOf = 0, length = 0;
  for (let x = 0; x <= width; x++) {
    if (x < width && mask[row * width + x]) length++;
    else {
      if (length > best) [best, middleOf] = [length, x - length / 2];
      length = 0;
    }
  }
  return [middleOf, row];
}

function bright([red, green, blue]) {
  const linear = [red, green, blue].map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179;
}
