// Whether this browser may hear and be heard: the microphone's level, and a sound to listen for.

import { useEffect, useRef, useState } from "react";
import { type Language, speak } from "./words";

type Found = "unknown" | "ok" | "refused";

export function Devices(props: { language: Language }) {
  const t = speak(props.language);
  const [found, setFound] = useState<Found>("unknown");
  const [level, setLevel] = useState(0);
  const stop = useRef<() => void>(() => undefined);

  useEffect(() => () => stop.current(), []);

  const check = async () => {
    stop.current();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      stop.current = listen(stream, setLevel);
      setFound("ok");
    } catch {
      setFound("refused");
    }
  };

  return (
    <section className="card" aria-label={t("devices")}>
      <h2>{t("devices")}</h2>
      <div className="row">
        <button type="button" onClick={() => void check()}>
          {t("check_devices")}
        </button>
        <button type="button" onClick={beep}>
          {t("test_sound")}
        </button>
      </div>
      {found === "refused" && <p role="alert">{t("microphone_refused")}</p>}
      {found === "ok" && (
        <p data-microphone="ok">
          {t("microphone_ok")} <meter aria-label={t("level")} min={0} max={1} value={level} />
        </p>
      )}
    </section>
  );
}

/** Shows the microphone's level for ten seconds; gives what ends it before. */
function listen(stream: MediaStream, show: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const sum = samples.reduce((all, sample) => all + sample * sample, 0);
    show(Math.min(1, Math.sqrt(sum / samples.length) * 4));
  }, 100);
  let open = true;
  const end = () => {
    if (!open) return;
    open = false;
    clearInterval(timer);
    clearTimeout(last);
    for (const track of stream.getTracks()) track.stop();
    void context.close();
    show(0);
  };
  const last = setTimeout(end, 10_000);
  return end;
}

function beep() {
  const context = new AudioContext();
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  gain.gain.value = 0.2;
  oscillator.frequency.value = 660;
  oscillator.connect(gain).connect(context.destination);
  oscillator.onended = () => void context.close();
  oscillator.start();
  oscillator.stop(context.currentTime + 0.6);
}
