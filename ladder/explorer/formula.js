// The objective as a formula whose symbols light up with their values.

import { decimal, element, tell } from "./dom.js";

const SYMBOLS = { x: "x", x̂: "x_hat", μ: "mu", σ: "sigma", ε: "eps", z: "z", β: "beta" };

// Mathematics in a line of text: *x* is italic, _{j} below and ^{2} above the line. With `linked`, a symbol lights up
// with its values elsewhere.
export function notation(text, linked = false) {
  const made = element("span", { class: "math" });
  for (const [, italic, below, above, plain] of text.matchAll(/\*([^*]+)\*|_\{([^}]*)\}|\^\{([^}]*)\}|([^*_^]+)/g)) {
    if (italic !== undefined)
      made.append(element("i", { text: italic, data: linked && SYMBOLS[italic] ? { term: SYMBOLS[italic] } : {} }));
    else if (below !== undefined) made.append(element("sub", {}, ...notation(below).childNodes));
    else if (above !== undefined) made.append(element("sup", {}, ...notation(above).childNodes));
    else made.append(plain);
  }
  return made;
}

// The terms of the loss for a model, in groups that a line's end does not part: [sign before, notation, term].
function terms_of({ traits, name, capacity }) {
  if (name === "codes-prior") return codes_prior_terms();
  const given = traits.condition === "none" ? "" : ", *c*";
  const z = traits.codes ? "*z*_{q}" : "*z*";
  const reconstruction = ["=", `−log *p*(*x*|${z}${given})`, "reconstruction"];
  const loss = [["", name === "iwae" ? "−ELBO" : "*L*", "loss"], reconstruction];
  const weighed = (term) => [
    ["+", "*β*", "beta"],
    ["·", ...term],
  ];
  if (traits.codes) return [loss, weighed(["‖*z*_{e} − *e*‖^{2}", "commitment"])];
  if (!traits.posterior) return [loss];
  if (capacity !== null)
    return [
      loss,
      [
        ["+", "*γ*", "gamma"],
        ["·", "|KL − *C*|", "excess"],
      ],
    ];
  if (!traits.closed_kl) return [loss, weighed(["[log *q*(*z*|*x*) − log *p*(*z*)]", "kl"])];
  const prior = traits.learned_prior ? "*p*(*z*|*c*)" : "*p*(*z*)";
  return [loss, weighed([`KL(*q*(*z*|*x*${given}) ‖ ${prior})`, "kl"])];
}

// An image as its codes and, given these, its pixels: together a bound on −log p(x).
function codes_prior_terms() {
  return [
    [["", "−log *p*(*x*, *k*)", "total"], ["=", "−log *p*(*x*|*k*)", "reconstruction"]],
    [["+", "[−log *p*(*k*)]", "code_cost"]],
  ];
}

// How a learned prior is made, and of two layers q(z|x).
function prior_lines({ name, options }) {
  if (name === "vampprior" && options.components_are === "mixture")
    return [["kl", "*p*(*z*) = 1/*K* Σ_{*k*} *N*(*z*; *m*_{*k*}, *s*_{*k*}^{2})"]];
  if (name === "vampprior") return [["kl", "*p*(*z*) = 1/*K* Σ_{*k*} *q*(*z*|*u*_{*k*})"]];
  if (name === "hierarchical")
    return [["kl", "*p*(*z*) = *p*(*z*1|*z*2) *N*(*z*2; 0, *I*),  *q*(*z*|*x*) = *q*(*z*1|*x*) *q*(*z*2|*z*1)"]];
  return [];
}

const KL = "KL = ½ Σ_{*j*} (*μ*_{*j*}^{2} + *σ*_{*j*}^{2} − 1 − log *σ*_{*j*}^{2})";
const KL_LEARNED =
  "KL = ½ Σ_{*j*} [((*μ*_{*j*} − *m*_{*j*})^{2} + *σ*_{*j*}^{2}) / *s*_{*j*}^{2} − 1 − log(*σ*_{*j*}^{2} / *s*_{*j*}^{2})],  *p*(*z*|*c*) = *N*(*m*, *s*^{2})";

const LIKELIHOODS = {
  bernoulli: "−log *p*(*x*|*z*) = −Σ_{*i*} [*x*_{*i*} log *x̂*_{*i*} + (1 − *x*_{*i*}) log(1 − *x̂*_{*i*})]",
  gaussian: "−log *p*(*x*|*z*) = Σ_{*i*} [(*x*_{*i*} − *x̂*_{*i*})^{2} / 2σ_{x}^{2} + log σ_{x} + ½ log 2π]",
  "continuous-bernoulli":
    "−log *p*(*x*|*z*) = −Σ_{*i*} [log *C*(*λ*_{*i*}) + *x*_{*i*} log *λ*_{*i*} + (1 − *x*_{*i*}) log(1 − *λ*_{*i*})]",
};
LIKELIHOODS["discretised-logistic"] =
  "−log *p*(*x*|*z*) = −Σ_{*i*} log [*F*((*x*_{*i*} + *h* − *μ*_{*i*}) / *s*) − *F*((*x*_{*i*} − *h* − *μ*_{*i*}) / *s*)]";
LIKELIHOODS["gaussian-learned"] = LIKELIHOODS["gaussian-optimal"] = LIKELIHOODS.gaussian;

// What a term is, as [term, notation, key of a remark].
function lines_of({ traits, likelihood, capacity, name, options }) {
  const given = traits.condition !== "none";
  const part = traits.condition === "part";
  const lines = [
    [
      "reconstruction",
      LIKELIHOODS[likelihood].replaceAll("|*z*)", given ? "|*z*, *c*)" : "|*z*)"),
      part ? "part_pixels" : likelihood === "bernoulli" ? "grey_pixels" : null,
    ],
  ];
  if (likelihood === "continuous-bernoulli")
    lines.push(["x_hat", "*x̂*_{*i*} = E[*x*_{*i*}] = *λ*_{*i*} / (2*λ*_{*i*} − 1) + 1 / (2 artanh(1 − 2*λ*_{*i*}))"]);
  if (likelihood === "discretised-logistic")
    lines.push(["x_hat", "*x̂*_{*i*} = *s* log [(1 + exp(*μ*_{*i*} / *s*)) / (1 + exp((*μ*_{*i*} − 1) / *s*))],  *h* = 1 / 510"]);
  if (name === "codes-prior") {
    lines[0][1] = lines[0][1].replaceAll("*z*", "*k*");
    lines.push(["code_cost", "*p*(*k*) = Π_{*i*} *p*(*k*_{*i*} | *k*_{1} … *k*_{*i*−1})"]);
  } else if (traits.codes) lines.push(["commitment", "*z*_{q} = *e*_{k},  *k* = argmin_{*j*} ‖*z*_{e} − *e*_{*j*}‖"]);
  if (!traits.posterior) return lines;
  if (capacity !== null) lines.push(["excess", `*C* = ${capacity},  KL = KL(*q*(*z*|*x*) ‖ *p*(*z*))`]);
  if (!traits.closed_kl) lines.push(["kl", "KL ≈ log *q*(*z*|*x*) − log *p*(*z*)", "drawn_kl"], ...prior_lines({ name, options }));
  else lines.push(["kl", traits.learned_prior ? KL_LEARNED : KL]);
  const noise = ",  *ε* ~ *N*(0, *I*)";
  if (traits.flow) lines.push(["z", `*z* = *f*_{*T*}(… *f*_{1}(*m* + *s* *ε*) …),  *T* = ${options.flow_steps}${noise}`]);
  else lines.push(["z", `*z*_{*j*} = *μ*_{*j*} + *σ*_{*j*} *ε*_{*j*}${noise}`]);
  return lines;
}

export class Formula {
  // `model` is {name, options, traits, likelihood, capacity}; the elements are `terms`, `definitions` and `explanation`.
  constructor(model) {
    this.values = {};
    this.is_drawn = model.traits.posterior && !model.traits.closed_kl;
    const terms = terms_of(model).map((group) =>
      element("span", { class: "group" }, ...group.flatMap((term) => this._term(...term))),
    );
    this.explanation = element("p", { class: "explanation", say: "explain_start" });
    this.terms = element("div", { class: "terms", role: "group", label: "formula" }, ...terms);
    this.examples = {};
    this.definitions = element("ul", { class: "definitions" }, ...lines_of(model).map((line) => this._line(...line)));
  }

  // A definition, and below it a place for its numbers.
  _line(term, text, words) {
    const is_first = this.examples[term] === undefined;
    this.examples[term] ??= element("small", { class: "example" });
    return element(
      "li",
      { data: { term } },
      notation(text, true),
      is_first ? this.examples[term] : null,
      words ? element("small", { say: words }) : null,
    );
  }

  _term(sign, text, term) {
    this.values[term] = element("span", { class: "value", text: "–" });
    const made = element("span", { class: "term", tabindex: "0", data: { term } }, notation(text), this.values[term]);
    return sign ? [element("span", { class: "sign" }, notation(sign)), made] : [made];
  }

  // Writes the values by term; those that changed are marked for a moment.
  update(values) {
    for (const [term, value] of Object.entries(values)) {
      const place = this.values[term];
      if (!place) continue;
      const text = decimal(value, term === "beta" || term === "gamma" ? 2 : 1);
      if (place.textContent === text) continue;
      place.textContent = text;
      const box = place.parentElement;
      box.classList.add("changed");
      clearTimeout(box.timer);
      box.timer = setTimeout(() => box.classList.remove("changed"), 500);
    }
  }

  // Writes the numbers of some definitions, as text by term.
  show_examples(texts) {
    for (const [term, text] of Object.entries(texts)) if (this.examples[term]) this.examples[term].textContent = text;
  }

  explain(term) {
    const key = term === "kl" && this.is_drawn ? "kl_drawn" : term;
    tell(this.explanation, key ? `explain_${key}` : "explain_start");
  }
}
