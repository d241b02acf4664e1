// The phone of a page, over JsSIP: what it is doing, and what a person wants of it. Nothing else of the page knows SIP, so
// that the library can be replaced.

import JsSIP from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";
import type { LentPhone } from "./api";

export type Line = "connecting" | "ready" | "lost";

export interface Talk {
  /** Who calls. */
  from: string;
  phase: "ringing" | "answering" | "talking";
  /** When it was answered, in ms since 1970. */
  since: number;
  muted: boolean;
  held: boolean;
}

export interface Shown {
  line: Line;
  talk: Talk | null;
}

/** One page is one device, over reloads too (RFC 5626). */
function instance(): string {
  const kept = sessionStorage.getItem("sibai.instance");
  const id = kept ?? crypto.randomUUID();
  sessionStorage.setItem("sibai.instance", id);
  return id;
}

/** A minute before its time is over what was lent is asked for anew. */
const BEFORE_S = 60;

export class Phone {
  private shown: Shown = { line: "connecting", talk: null };
  private session: RTCSession | null = null;
  private ua: JsSIP.UA | null = null;
  private lent: LentPhone | null = null;
  private renewal = 0;
  private stopped = false;
  private readonly sound = new Audio();

  constructor(
    private readonly borrow: () => Promise<LentPhone>,
    private readonly show: (shown: Shown) => void,
  ) {
    this.sound.autoplay = true;
  }

  async start(): Promise<void> {
    this.lent = await this.borrow();
    if (this.stopped) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const { user, name, password, realm } = this.lent;
    const ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(`${scheme}://${location.host}/sip`)],
      uri: `sip:${user}@${realm}`,
      authorization_user: name,
      password,
      realm,
      instance_id: instance(),
      register_expires: 120,
      session_timers: false,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 4,
    });
    ua.on("registered", () => this.change({ line: "ready" }));
    ua.on("disconnected", () => this.change({ line: "lost" }));
    ua.on("registrationFailed", () => void this.renew());
    ua.on("newRTCSession", ({ session }: { session: RTCSession }) => this.rung(session));
    this.ua = ua;
    ua.start();
    this.plan();
  }

  stop(): void {
    this.stopped = true;
    window.clearTimeout(this.renewal);
    this.ua?.stop();
    this.ua = null;
    this.sound.srcObject = null;
  }

  answer(): void {
    if (!this.session || this.shown.talk?.phase !== "ringing") return;
    this.changeTalk({ phase: "answering" });
    this.session.answer({
      mediaConstraints: { audio: true, video: false },
      pcConfig: { iceServers: this.lent?.ice_servers ?? [] },
    });
  }

  hangUp(): void {
    this.session?.terminate();
  }

  mute(on: boolean): void {
    if (on) this.session?.mute({ audio: true });
    else this.session?.unmute({ audio: true });
    this.changeTalk({ muted: on });
  }

  hold(on: boolean): void {
    if (on) this.session?.hold();
    else this.session?.unhold();
  }

  press(key: string): void {
    this.session?.sendDTMF(key, { transportType: JsSIP.C.DTMF_TRANSPORT.RFC2833, duration: 120 });
  }

  private plan(): void {
    window.clearTimeout(this.renewal);
    const after_s = Math.max((this.lent?.for_s ?? 0) - BEFORE_S, BEFORE_S);
    this.renewal = window.setTimeout(() => void this.renew(), after_s * 1000);
  }

  /** What was lent is no good any more, or soon: a restart of the server forgets it, too. */
  private async renew(): Promise<void> {
    this.change({ line: "lost" });
    try {
      this.lent = await this.borrow();
    } catch {
      this.renewal = window.setTimeout(() => void this.renew(), 5_000);
      return;
    }
    this.ua?.set("authorization_user", this.lent.name);
    this.ua?.set("password", this.lent.password);
    this.ua?.register();
    this.plan();
  }

  private rung(session: RTCSession): void {
    if (this.session || session.direction !== "incoming") {
      session.terminate({ status_code: 486 });
      return;
    }
    this.session = session;
    const from = session.remote_identity.uri.user ?? "";
    this.change({ talk: { from, phase: "ringing", since: 0, muted: false, held: false } });
    session.on("peerconnection", ({ peerconnection }) => {
      peerconnection.addEventListener("track", ({ streams, track }) => {
        this.sound.srcObject = streams[0] ?? new MediaStream([track]);
      });
    });
    // The platform finds our ways by our own checks: it need not be told all of them before it hears the answer.
    session.on("icecandidate", ({ ready }) => ready());
    session.on("confirmed", () => this.changeTalk({ phase: "talking", since: Date.now() }));
    session.on("hold", () => this.changeTalk({ held: true }));
    session.on("unhold", () => this.changeTalk({ held: false }));
    session.on("ended", () => this.over());
    session.on("failed", () => this.over());
  }

  private over(): void {
    this.session = null;
    this.sound.srcObject = null;
    this.change({ talk: null });
  }

  private changeTalk(change: Partial<Talk>): void {
    const { talk } = this.shown;
    if (talk) this.change({ talk: { ...talk, ...change } });
  }

  private change(change: Partial<Shown>): void {
    this.shown = { ...this.shown, ...change };
    this.show(this.shown);
  }
}
