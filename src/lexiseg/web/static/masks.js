// Masks as COCO writes them: run lengths down the columns, in a short text.

/** Run lengths of a compressed text, the run of zeros first. */
export function runsOf(counts) {
  const runs = [];
  for (let place = 0; place < counts.length; ) {
    let value = 0, shift = 0, more = true;
    while (more) {
      const code = counts.charCodeAt(place++) - 48;
      value |= (code & 31) << shift;
      shift += 5;
      more = (code & 32) !== 0;
      if (!more && code & 16) value |= -1 << shift;
    }
    // From the fourth on, runs are written as differences from the one before the last.
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

/** A mask at the size of a canvas: 1 where it is set, row by row. */
export function maskAt(segmentation, width, height) {
  const [rows, columns] = segmentation.size;
  const full = new Uint8Array(rows * columns);
  let end = 0;
  runsOf(segmentation.counts).forEach((run, number) => {
    if (number % 2) full.fill(1, end, end + run);
    end += run;
  });
  const mask = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * rows) / height);
    for (let x = 0; x < width; x++) {
      mask[y * width + x] = full[Math.floor(((x + 0.5) * columns) / width) * rows + row];
    }
  }
  return mask;
}
