# ruff: noqa
# mypy: ignore-errors
# fmt: off
"""python compare.py REFERENCE.json CANDIDATE.json [--blocks NAME,NAME,...]: leaf-by-leaf comparison, tolerance classes of analysis.md section 4.

The candidate uses the reference's block and key names. Without --blocks every block of the reference counts and absent leaves are only counted.
With --blocks only the paths (block/key/...) that begin with a given NAME count, and there an absent leaf is a failure, but for those named by
--allow-absent (path prefixes). Sub-blocks whose key ends in _mice (that package's own pooling, with its floor on lambda) never count.
Always: where the reference is null, or a (sub)block holds `error`, a finite candidate number is a failure (with --blocks the candidate's (sub)block
must also say `status` other than ok). Where a (sub)block is flagged separation_suspected or monotone_suspected the candidate must carry the same flag
and a `status` other than ok, and the diverged numbers beside it are not compared. Exit status 1 on any failure."""
import argparse, json, math
TOL = [("satisfaction_mannwhitney", 1e-9), ("satisfaction", 1e-5), ("mmrm", 1e-4), ("lmer", 1e-4), ("clda", 1e-4), ("interval", 1e-5),
       ("discrete", 1e-5), ("coxph", 1e-6), ("responder", 1e-6), ("multiplicity", 1e-6), ("mi_exact", 1e-8), ("mi_pool", 1e-6), ("", 1e-8)]
SPECIAL = {"profile_arm": (2e-3, "abs"), "zph_km": (1e-4, "rel"), "robust_se": (1e-5, "rel"), "polr_coef": (1e-4, "rel"), "polr_zeta": (1e-4, "rel"),
           "satterthwaite_df": (1e-2, "rel"), "turnbull": (1e-3, "abs"), "logREML": (1e-4, "abs")}
SKIP = {"meta", "warnings", "note", "iterations", "brglm2_maxdiff", "statistic", "status", "reason"}
FLAGS = ("separation_suspected", "monotone_suspected")
ABSENT = object()
def number(x): return isinstance(x, (int, float)) and not isinstance(x, bool)
def finite(x): return number(x) and math.isfinite(x)
def any_finite(x):
    if isinstance(x, dict): return any(any_finite(v) for k, v in x.items() if k not in SKIP)
    if isinstance(x, list): return any(map(any_finite, x))
    return finite(x)
def child(x, k):
    if isinstance(x, dict): return x.get(k, ABSENT)
    if isinstance(x, list) and isinstance(k, int) and k < len(x): return x[k]
    return ABSENT
class Comparison:
    def __init__(self, names, allowed): self.names, self.allowed, self.strict, self.n, self.absent, self.bad = names, allowed, bool(names), 0, [], []
    def selected(self, path):
        p = "/".join(map(str, path)) + "/"
        return not self.names or any(p.startswith(n) or n.startswith(p) for n in self.names)
    def miss(self, path):
        if not any("/".join(map(str, path)).startswith(a) for a in self.allowed): self.absent.append(path)
    def fail(self, path, why): self.bad.append(f"MISMATCH {'/'.join(map(str, path))} {why}")
    def refusal(self, path, cand, need_flag=None):
        if not self.selected(path): return
        if cand is ABSENT:
            if self.strict: self.miss(path)
            return
        self.n += 1
        if not isinstance(cand, dict) or cand.get("status", "ok") == "ok": self.fail(path, "must refuse: status other than ok")
        elif need_flag and cand.get(need_flag) is not True: self.fail(path, f"flag {need_flag} missing")
        elif need_flag is None and any_finite(cand): self.fail(path, "a finite number where the reference has none")
    def walk(self, ref, cand, path=()):
        if isinstance(ref, dict):
            if "error" in ref: return self.refusal(path, cand)
            flag = next((f for f in FLAGS if ref.get(f) is True), None)
            if flag: return self.refusal(path, cand, flag)
            for k, v in ref.items():
                if k not in SKIP and not k.endswith("_mice"): self.walk(v, child(cand, k), path + (k,))
        elif isinstance(ref, list):
            for i, v in enumerate(ref): self.walk(v, child(cand, i), path + (i,))
        elif ref is None:
            if finite(cand) and self.selected(path): self.fail(path, f"reference is null, got {cand}")
        elif number(ref): self.leaf(ref, cand, path)
    def leaf(self, r, c, path):
        if not self.selected(path): return
        if c is ABSENT: return self.miss(path)
        self.n += 1
        tol, kind = next((t, "rel") for k, t in TOL if str(path[0]).startswith(k))
        for k, v in SPECIAL.items():
            if k in path: tol, kind = v
        if path[-1] == "p" or str(path[-1]).endswith("_p"):
            tol = max(tol, 1e-6)
            if r < 1e-12 and finite(c) and c < 1e-12: return
        if not finite(c) or abs(c - r) > (tol if kind == "abs" else tol * max(abs(r), 1e-8)): self.fail(path, f"ref {r} got {c}")
def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("reference"); a.add_argument("candidate"); a.add_argument("--blocks", default=""); a.add_argument("--allow-absent", default="")
    o = a.parse_args(); ref, cand = json.load(open(o.reference)), json.load(open(o.candidate))
    split = lambda text: [x for x in text.split(",") if x]
    c = Comparison(split(o.blocks), split(o.allow_absent))
    for block, value in ref.items():
        if block not in SKIP: c.walk(value, child(cand, block), (block,))
    print(*c.bad, sep="\n", end="\n" if c.bad else "")
    blocks = {}
    for p in c.absent: blocks[p[0]] = blocks.get(p[0], 0) + 1
    if blocks: print("absent:", ", ".join(f"{b} {n}" for b, n in blocks.items()))
    total = c.n + len(c.absent)
    print(f"{c.n} compared, {len(c.bad)} mismatched, {len(c.absent)} absent ({100 * c.n / max(total, 1):.1f} % present)")
    return 1 if c.bad or c.n == 0 or (c.strict and c.absent) else 0
if __name__ == "__main__": raise SystemExit(main())
