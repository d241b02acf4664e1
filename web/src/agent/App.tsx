// The agent's page: signing in, then the desk. It knows who is signed in and in which language; the desk knows the rest.

import { type FormEvent, useEffect, useMemo, useState } from "react";
import { api, Refused, type Session } from "./api";
import { Desk } from "./Desk";
import { type Language, speak } from "./words";

function firstLanguage(): Language {
  return localStorage.getItem("sibai.language") === "en" ? "en" : "zh-CN";
}

export function App() {
  const [language, setLanguage] = useState<Language>(firstLanguage);
  const [session, setSession] = useState<Session | null>(null);
  const [asked, setAsked] = useState(false);
  const t = speak(language);
  const door = useMemo(() => api(language), [language]);

  useEffect(() => {
    document.documentElement.lang = language;
    document.title = `${speak(language)("title")} · 四百`;
    localStorage.setItem("sibai.language", language);
  }, [language]);

  useEffect(() => {
    api(firstLanguage())
      .who()
      .then(setSession)
      .catch(() => setSession(null))
      .finally(() => setAsked(true));
  }, []);

  const signOut = async () => {
    if (session) await door.signOut(session).catch(() => undefined);
    setSession(null);
  };
  const other: Language = language === "en" ? "zh-CN" : "en";

  return (
    <>
      <header>
        <strong>四百</strong>
        <span className="who">{session ? `${session.name} ${session.agent ?? ""}` : t("title")}</span>
        <button type="button" onClick={() => setLanguage(other)}>
          {t("other_language")}
        </button>
        {session && (
          <button type="button" onClick={() => void signOut()}>
            {t("sign_out")}
          </button>
        )}
      </header>
      <main>
        {asked && !session && <SignIn language={language} signedIn={setSession} />}
        {session?.must_change && (
          <FirstPassword session={session} language={language} changed={() => setSession(null)} />
        )}
        {session && !session.must_change && !session.agent && <p role="alert">{t("no_agent")}</p>}
        {session && !session.must_change && session.agent && (
          <Desk
            key={session.token}
            session={session}
            language={language}
            signedOut={() => setSession(null)}
          />
        )}
      </main>
    </>
  );
}

function useTry(): [string, (deed: () => Promise<void>) => Promise<void>] {
  const [refused, setRefused] = useState("");
  const attempt = async (deed: () => Promise<void>) => {
    setRefused("");
    try {
      await deed();
    } catch (error) {
      setRefused(error instanceof Refused ? error.message : String(error));
    }
  };
  return [refused, attempt];
}

function SignIn(props: { language: Language; signedIn: (session: Session) => void }) {
  const t = speak(props.language);
  const [refused, attempt] = useTry();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const word = (name: string) => String(form.get(name) ?? "");
    const typed = { enterprise: word("enterprise"), login: word("login"), password: word("password") };
    void attempt(async () => props.signedIn(await api(props.language).signIn(typed)));
  };
  return (
    <form className="card" onSubmit={submit}>
      <label>
        {t("enterprise")}
        <input name="enterprise" autoComplete="organization" required />
      </label>
      <label>
        {t("login")}
        <input name="login" autoComplete="username" required />
      </label>
      <label>
        {t("password")}
        <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <button type="submit" className="first">
        {t("sign_in")}
      </button>
      {refused && <p role="alert">{refused}</p>}
    </form>
  );
}

function FirstPassword(props: { session: Session; language: Language; changed: () => void }) {
  const t = speak(props.language);
  const [refused, attempt] = useTry();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const word = (name: string) => String(form.get(name) ?? "");
    void attempt(async () => {
      await api(props.language).changePassword(props.session, word("old"), word("fresh"));
      props.changed();
    });
  };
  return (
    <form className="card" onSubmit={submit}>
      <h2>{t("change_password")}</h2>
      <label>
        {t("password")}
        <input name="old" type="password" autoComplete="current-password" required />
      </label>
      <label>
        {t("new_password")}
        <input name="fresh" type="password" autoComplete="new-password" required />
      </label>
      <button type="submit" className="first">
        {t("change_password")}
      </button>
      {refused && <p role="alert">{refused}</p>}
    </form>
  );
}
