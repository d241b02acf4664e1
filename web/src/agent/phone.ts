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

/** The talk that a page which is loaded anew goes on with: its dialog, as the platform names it (RFC 3891). */
interface Kept {
  replaces: string;
  from: string;
  since: number;
}

const KEPT = "sibai.talk";
/** The platform waits for so long. */
const AWAY_MS = 15_000;

/** What JsSIP keeps of a dialog, and does not tell in its types. */
interface WithDialog {
  _dialog: { id: { call_id: string; local_tag: string; remote_tag: string } } | null;
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
  private returning: Kept | null = null;
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
    ua.on("registered", () => this.registered());
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

  private registered(): void {
    this.change({ line: "ready" });
    // A talk goes on over a connection that was lost: the platform is told by which it is reached now.
    if (this.session?.isEstablished()) this.session.renegotiate();
    else this.comeBack();
  }

  /** The page was loaded anew in a talk: takes its own place in it again. */
  private comeBack(): void {
    const text = sessionStorage.getItem(KEPT);
    if (!text || this.session) return;
    sessionStorage.removeItem(KEPT);
    const kept = JSON.parse(text) as Kept & { left: number };
    if (Date.now() - kept.left > AWAY_MS) return;
    this.returning = kept;
    this.ua?.call(`sip:back@${this.lent?.realm}`, {
      extraHeaders: [`Replaces: ${kept.replaces}`],
      mediaConstraints: { audio: true, video: false },
      pcConfig: { iceServers: this.lent?.ice_servers ?? [] },
    });
  }

  /** The page goes away: what it comes back to is kept; the platform waits a little. */
  leave(): void {
    const dialog = (this.session as unknown as WithDialog | null)?._dialog;
    const { talk } = this.shown;
    if (!dialog || talk?.phase !== "talking") return;
    const { call_id, local_tag, remote_tag } = dialog.id;
    const replaces = `${call_id};to-tag=${remote_tag};from-tag=${local_tag}`;
    const kept = { replaces, from: talk.from, since: talk.since, left: Date.now() };
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
  }

  private rung(session: RTCSession): void {
    const { returning } = this;
    this.returning = null;
    if (this.session || (session.direction !== "incoming" && !returning)) {
      session.terminate({ status_code: 486 });
      return;
    }
    this.session = session;
    const from = returning?.from ?? session.remote_identity.uri.user ?? "";
    const phase = returning ? "answering" : "ringing";
    this.change({ talk: { from, phase, since: returning?.since ?? 0, muted: false, held: false } });
    const listen = (connection: RTCPeerConnection) => {
      connection.addEventListener("track", ({ streams, track }) => {
        this.sound.srcObject = streams[0] ?? new MediaStream([track]);
      });
    };
    // A session that we begin has its connection already.
    if (session.connection) listen(session.connection);
    else session.on("peerconnection", ({ peerconnection }) => listen(peerconnection));
    // The platform finds our ways by our own checks: it need not be told all of them before it hears the answer.
    session.on("icecandidate", ({ ready }) => ready());
    session.on("confirmed", () => {
      this.changeTalk({ phase: "talking", since: returning?.since ?? Date.now() });
    });
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
