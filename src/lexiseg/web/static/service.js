// Questions to the service; whatever goes wrong is an Error with one sentence.

let token = "";

export class TokenError extends Error {}

/** The token that the service asks for. */
export function useToken(text) {
  token = text;
  try { sessionStorage.setItem("token", text); } catch { /* this tab forgets it */ }
}

try { token = sessionStorage.getItem("token") ?? ""; } catch { /* this tab forgets it */ }

async function call(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let response;
  try {
    response = await fetch(path, { ...options, headers: { ...headers, ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The service does not answer; is it still running?");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  const sentence = said.error ?? `The service refused with status ${response.status}.`;
  throw response.status === 401 ? new TokenError(sentence) : new Error(sentence);
}

export const fetchJson = async (path) => (await call(path)).json();
export const fetchBlob = async (path) => (await call(path)).blob();

const asJson = (body, signal) => ({
  method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal,
});

/** Send a picture's file; gives its id. */
export async function sendPicture(blob, method, signal) {
  const form = new FormData();
  form.append("image", blob, "picture");
  if (method) form.append("method", method);
  return (await call("v1/images", { method: "POST", body: form, signal })).json();
}

export const ask = async (verb, body, signal) => (await call(`v1/${verb}`, asJson(body, signal))).json();

/** The answer as files: a name and a blob. */
export async function fetchFiles(body) {
  const response = await call("v1/files", asJson(body));
  const name = /filename\*=UTF-8''(.+)/.exec(response.headers.get("Content-Disposition") ?? "");
  return { name: name ? decodeURIComponent(name[1]) : "lexiseg", blob: await response.blob() };
}
