// What came of the call, by the tree of its queue: chosen while the agent talks in it or writes it up. The last word counts.

import { useEffect, useState } from "react";
import { api, Refused, type ResultChoice, type ResultTerms, type Session } from "./api";
import { type Language, speak } from "./words";

/** Between two tries to read what may be chosen. */
const AGAIN_MS = 3_000;

/** The result of one call; another call's is another card, by its key. */
export function Results(props: { session: Session; language: Language; call: string; owed: boolean }) {
  const { session, language, call, owed } = props;
  const t = speak(language);
  const [terms, setTerms] = useState<ResultTerms | null>(null);
  const [path, setPath] = useState<string[]>([]);
  const [told, setTold] = useState("");

  const [looks, setLooks] = useState(0);

  useEffect(() => {
    let open = true;
    let timer = 0;
    api("zh-CN")
      .result(session, call)
      .then((found) => {
        if (!open) return;
        setTerms(found);
        setPath(chosenBy(found));
      })
      .catch((error) => {
        // Most queues ask for nothing, and are not asked again; an API that does not answer is.
        const isAnswer = error instanceof Refused && error.status < 500;
        if (open && !(isAnswer && !owed)) timer = window.setTimeout(() => setLooks(looks + 1), AGAIN_MS);
      });
    return () => {
      open = false;
      window.clearTimeout(timer);
    };
  }, [session, call, owed, looks]);

  if (!terms?.open) return null;

  const choose = async (level: number, one: ResultChoice) => {
    const next = [...path.slice(0, level), one.code];
    setPath(next);
    setTold("");
    if (one.codes.length > 0) return;
    try {
      setTerms(await api(language).putResult(session, call, next.join("/")));
      setTold(t("kept"));
    } catch (error) {
      setPath(chosenBy(terms));
      setLooks(looks + 1);
      setTold(error instanceof Error ? error.message : String(error));
    }
  };

  return (
    <section className="card" aria-label={t("result")} data-result={chosenBy(terms).join("/")}>
      <h2>
        {t("result")} {terms.mandatory && <small>{t("must_be")}</small>}
      </h2>
      {owed && <p>{t("result_owed")}</p>}
      {levels(terms.codes, path).map((codes, level) => (
        <fieldset className="row" key={path.slice(0, level).join("/")} data-level={level}>
          {codes.map((one) => (
            <button
              type="button"
              key={one.code}
              data-code={one.code}
              aria-pressed={path[level] === one.code}
              className={path[level] === one.code ? "first" : ""}
              onClick={() => void choose(level, one)}
            >
              {one.name}
              {one.codes.length > 0 && " …"}
            </button>
          ))}
        </fieldset>
      ))}
      <output>{told}</output>
    </section>
  );
}

/** The codes of what the agent chose; none while the default stands. */
function chosenBy(terms: ResultTerms): string[] {
  const { result } = terms;
  return result?.given_by ? result.code.split("/") : [];
}

/** What can be chosen from, level by level, along a path. */
function levels(codes: ResultChoice[], path: string[]): ResultChoice[][] {
  const below = codes.find((one) => one.code === path[0])?.codes ?? [];
  return below.length > 0 ? [codes, ...levels(below, path.slice(1))] : [codes];
}
