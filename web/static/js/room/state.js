// The room as the server last told it. Changes are numbered: after a gap the whole is asked for anew.

const HOSTS = ["chair", "secretary"];
const byId = (list) => new Map(list.map((item) => [item.id, item]));

/** Holds people, agenda, queue and head. Dispatches "change" after each news, with `detail` naming what changed. */
export class RoomState extends EventTarget {
  constructor(askAnew) {
    super();
    this.askAnew = askAnew;
    this.version = -1;
    this.me = null;
    this.head = null;
    this.people = new Map();
    this.units = new Map();
    this.queue = [];
    this.agenda = [];
    this.messages = [];
    this.loudest = [];
  }

  /** The whole room. */
  load(snapshot) {
    if (snapshot.version < this.version) return;
    const before = this.head;
    this.version = snapshot.version;
    this.head = snapshot.head;
    this.people = byId(snapshot.participants);
    this.units = byId(snapshot.units);
    this.queue = snapshot.queue;
    this.agenda = snapshot.agenda;
    this.messages = snapshot.messages;
    this.#tell({ whole: true, before });
  }

  /** One numbered change. */
  apply(change) {
    if (this.version < 0 || change.version <= this.version) return;
    if (change.version > this.version + 1) {
      this.askAnew();
      return;
    }
    const before = this.head;
    this.version = change.version;
    for (const person of change.participants ?? []) this.people.set(person.id, person);
    for (const unit of change.units ?? []) this.units.set(unit.id, unit);
    if (change.queue) this.queue = change.queue;
    if (change.agenda) this.agenda = change.agenda;
    if (change.head) this.head = change.head;
    this.#tell({ before, participants: (change.participants ?? []).map((person) => person.id) });
  }

  /** A line of chat. */
  said(message) {
    if (this.messages.some((known) => known.id === message.id)) return;
    this.messages.push(message);
    this.#tell({ said: message });
  }

  /** Who is heard now. */
  speaking(loudest) {
    this.loudest = loudest;
    this.dispatchEvent(new CustomEvent("speaking"));
  }

  /** Those who are in the room now, in the order of their first coming. */
  present() {
    return [...this.people.values()].filter((person) => person.present).sort((one, other) => one.id - other.id);
  }

  /** The own line, once the server has told it. */
  get self() {
    return this.people.get(this.me);
  }

  /** Whether this page is of somebody who runs the meeting: chair or secretary, which may change. */
  get hosts() {
    return HOSTS.includes(this.self?.role);
  }

  #tell(detail) {
    this.dispatchEvent(new CustomEvent("change", { detail }));
  }
}
