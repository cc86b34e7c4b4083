// What a node may ask the host to do: data, which the host records before it carries it out.

export function effect(kind, payload) {
  return { kind, payload };
}

export function validate(findings) {
  return effect("validate", { valid: findings.every((finding) => finding.severity !== "error"), findings });
}

export function log(message, level) {
  return effect("log", { level, message });
}

export function notify(message) {
  return effect("notify", message);
}

export function email(message) {
  return effect("email", message);
}

export function webhook(url, body) {
  return effect("webhook", { url, body });
}

export function activity(activity) {
  return effect("activity", { activity });
}

export function set(field, value) {
  return effect("set", { field, value });
}
