// Generated from the Rust types of `signaling/` by its tests. Do not edit.

export const PROTOCOL_VERSION = 1;

/**
 * Moderators only: let in who waits; `None` lets everybody in.
 */
export type Admit = { peer?: PeerId, };

/**
 * The SDP answer to the offer of that id.
 */
export type Answer = { id: number, sdp: string, };

/**
 * Trickled candidate of the client (RFC 8838). At most 40 per offer. Empty text: end of candidates.
 */
export type Candidate = { candidate: string, mid?: Mid, };

/**
 * The store has it. A repeated `client_msg_id` gets the first answer again.
 */
export type ChatAck = { client_msg_id: ClientMessageId, message: MessageId, seq: number, };

/**
 * An earlier message was edited or deleted.
 */
export type ChatChanged = { message: ChatMessage, };

/**
 * Author (own) or moderator (hides it). The row stays for evidence.
 */
export type ChatDelete = { message: MessageId, };

/**
 * Author only, within 30 minutes.
 */
export type ChatEdit = { message: MessageId, body: string, };

/**
 * A stretch of the chat, oldest first.
 */
export type ChatHistory = { messages: Array<ChatMessage>, 
/**
 * Highest `seq` of the room; 0 when empty.
 */
last_seq: number, 
/**
 * There are older ones.
 */
more: boolean, };

/**
 * Ask for messages with `seq` below `before_seq` (none: the newest), newest `limit` (1 to 100) of them.
 */
export type ChatHistoryRequest = { before_seq?: number, limit: number, };

/**
 * A message; also sent to its author.
 */
export type ChatMessage = { message: MessageId, 
/**
 * 1, 2, 3 … without gaps in one room.
 */
seq: number, author: PersonId, author_name: string, 
/**
 * The author's seat, if it was written in this opening of the room.
 */
peer?: PeerId, client_msg_id: ClientMessageId, 
/**
 * Empty when deleted.
 */
body: string, sent_ms: number, edited_ms?: number, deleted: boolean, reply_to?: MessageId, };

/**
 * Write. `body` 1 to 4,000 characters of plain text. Refusals: `role_not_permitted`, `host_absent`,
 * `room_locked`, `slow_mode` (with `retry_after_ms`), `rate_limited`, `storage_full`, `unavailable`.
 */
export type ChatSend = { client_msg_id: ClientMessageId, body: string, reply_to?: MessageId, };

/**
 * What a client may send.
 */
export type ClientMessage = { "type": "hello" } & Hello | { "type": "join" } & Join | { "type": "resume" } & Resume | { "type": "leave" } & Leave | { "type": "offer" } & Offer | { "type": "candidate" } & Candidate | { "type": "slots" } & SlotRequests | { "type": "mute" } & Mute | { "type": "quality" } & QualityReport | { "type": "hand" } & Hand | { "type": "hand_lower" } & HandLower | { "type": "promote" } & Promote | { "type": "mute_member" } & MuteMember | { "type": "remove_member" } & RemoveMember | { "type": "admit" } & Admit | { "type": "room_policy" } & RoomPolicyChange | { "type": "end_room" } & EndRoom | { "type": "chat_send" } & ChatSend | { "type": "chat_edit" } & ChatEdit | { "type": "chat_delete" } & ChatDelete | { "type": "chat_history" } & ChatHistoryRequest;

/**
 * The client's own name for a chat message, unique per author: makes sending idempotent.
 */
export type ClientMessageId = string;

/**
 * Why a person's stay is over.
 */
export type CloseReason = "left" | "ended" | "ended_by_host" | "not_held" | "cancelled" | "removed" | "replaced" | "access_ended" | "technical";

/**
 * The stay is over; the socket stays open for another `join`.
 */
export type Closed = { reason: CloseReason, room: RoomId, };

/**
 * Host only (or both sides of an individual consultation): end the consultation now.
 */
export type EndRoom = Record<symbol, never>;

/**
 * A room's form (regulation clause 3.2); fixed by the lesson card.
 */
export type Form = "webinar" | "video_conference" | "chat" | "individual";

/**
 * Raise or lower one's own hand.
 */
export type Hand = { raised: boolean, };

/**
 * Moderators only: lower somebody's hand; `None` lowers all.
 */
export type HandLower = { peer?: PeerId, };

/**
 * Raised hands, first come first.
 */
export type HandQueue = { peers: Array<PeerId>, };

/**
 * First message of every connection, within 10 s. Refusals: `version_not_supported`, `not_authenticated`.
 */
export type Hello = { 
/**
 * [`crate::version::PROTOCOL_VERSION`] of the client.
 */
version: number, 
/**
 * One-use ticket (30 s) for clients that bring neither a cookie nor a bearer token.
 */
ticket?: string, 
/**
 * Free text for support ("web 0.1.0 Chromium 156"), at most 100 characters.
 */
client?: string, };

/**
 * A STUN or TURN server for `RTCPeerConnection`.
 */
export type IceServer = { urls: Array<string>, username?: string, credential?: string, };

/**
 * New credentials for the servers of `joined`, before the earlier ones end. They count from the next ICE restart on;
 * what is connected stays.
 */
export type IceServersChanged = { ice_servers: Array<IceServer>, };

/**
 * Take a seat in a room. Refusals: every code of DOMAIN.md 2.4 that concerns access and time.
 */
export type Join = { room: RoomId, 
/**
 * Whose guardian the person comes as, when they come beside a child.
 */
beside?: PersonId, };

/**
 * The seat is taken: everything the client needs to draw the room.
 */
export type Joined = { peer: PeerId, resume: ResumeToken, 
/**
 * True when an earlier seat was taken again.
 */
resumed: boolean, room: RoomView, rights: Rights, members: Array<MemberView>, 
/**
 * Peers with raised hands, first come first.
 */
hands: Array<PeerId>, 
/**
 * What can be watched; `slots` asks for it.
 */
sources: Array<SourceView>, 
/**
 * Chat: the last messages, or after a resume everything past `chat_seq`.
 */
chat: ChatHistory, 
/**
 * For `RTCPeerConnection`; credentials end, `ice_servers` brings new ones in time.
 */
ice_servers: Array<IceServer>, 
/**
 * How many receive slots to offer. Both zero in a chat: then there is no media at all.
 */
audio_slots: number, video_slots: number, 
/**
 * The codec in which to send a camera and a screen, where the client can; else any that both know.
 */
camera_codec: VideoCodec, screen_codec: VideoCodec, };

/**
 * To the publisher of a source: what anybody watches of it now. It stops the simulcast layers that are not named, and
 * starts those that are, with a key frame; a source without simulcast goes by `watched`, and where it has spatial
 * layers inside (SVC), by how many of those nobody watches, from the largest down: 2 of `L3T3_KEY` leave `L1T3` of a
 * quarter of the size. Sent when that has changed, a few seconds after somebody looked away and at once when somebody
 * looks. Everything is wanted until the first, and again after every offer that makes the source anew.
 */
export type LayersWanted = { source: SourceId, rids: Array<string>, watched: boolean, spatial_unwatched: number, };

/**
 * Give the seat up.
 */
export type Leave = Record<symbol, never>;

/**
 * Why a seat is empty.
 */
export type LeftReason = "left" | "lost" | "removed" | "closed";

/**
 * To moderators: who waits, first come first, after any change.
 */
export type Lobby = { waiting: Array<WaitingView>, };

/**
 * A fault of the hub ended this seat's media; the seat stays. Make a new `RTCPeerConnection` and offer with `id` 1.
 */
export type MediaLost = Record<symbol, never>;

/**
 * A seat changed: mute, hand, promotion, connection.
 */
export type MemberChanged = { member: MemberView, };

/**
 * Somebody took a seat.
 */
export type MemberJoined = { member: MemberView, };

/**
 * A seat is empty.
 */
export type MemberLeft = { peer: PeerId, reason: LeftReason, };

/**
 * A seat as every member sees it.
 */
export type MemberView = { peer: PeerId, person: PersonId, display_name: string, role: RoomRole, seat: SeatKind, 
/**
 * Present now; false while a dropped socket may still resume.
 */
connected: boolean, microphone: boolean, camera: boolean, screen: boolean, 
/**
 * Raised hand: its place in the queue is in `hand_queue`.
 */
hand: boolean, 
/**
 * Promoted by the host to publish (webinar).
 */
promoted: boolean, 
/**
 * The child beside whom a guardian sits.
 */
beside?: PersonId, 
/**
 * How well its line carries; `None`: nothing is known, or it has no media.
 */
signal?: SignalLevel, };

/**
 * The store's name for a chat message.
 */
export type MessageId = string;

/**
 * Media identification tag of an m-line (RFC 5888): the name of a slot.
 */
export type Mid = string;

/**
 * The client switched one of its own sources on or off. Everything starts off: nothing is forwarded before
 * `mute{muted: false}`. Refusals of switching on: `role_not_permitted`, `host_absent`, `room_locked`.
 */
export type Mute = { kind: SourceKind, muted: boolean, };

/**
 * Moderators only: switch somebody's source off. They may switch it on again unless the policy locks it. `peer: None`: all recipients.
 */
export type MuteMember = { peer?: PeerId, kind: SourceKind, };

/**
 * The host switched your source off.
 */
export type MuteRequested = { kind: SourceKind, by: PeerId, };

/**
 * An SDP offer: the first, a renegotiation or an ICE restart. At most 64 KiB and 64 m-lines.
 * Refusals: `bad_offer`, `out_of_order`, and for a sending m-line without the right `role_not_permitted`,
 * `host_absent` or `room_locked`. While an offer is unanswered a newer one replaces it.
 */
export type Offer = { 
/**
 * Counts the offers of one `RTCPeerConnection` from 1; the answer repeats it. 1 starts a new peer connection:
 * the earlier one of this seat, if any, is dropped.
 */
id: number, sdp: string, 
/**
 * The m-lines that send, and what. All others receive and are slots.
 */
sends: Array<SendSlot>, };

/**
 * One seat in a room: a person on one device. Kept across a resume; never reused.
 */
export type PeerId = string;

/**
 * A person of the school, as the store names them.
 */
export type PersonId = string;

/**
 * Moderators only: give the floor (publish rights in a webinar), or take it back. Giving lowers the hand.
 */
export type Promote = { peer: PeerId, promoted: boolean, };

/**
 * The client's own view of its connection, every 10 s at most. It counts for the signal shown to the others, and as
 * evidence.
 */
export type QualityReport = { rtt_ms: number, 
/**
 * Lost packets, in thousandths.
 */
loss_permille: number, jitter_ms: number, 
/**
 * Time that watched video stood still since the last report.
 */
freeze_ms: number, 
/**
 * Peers whose microphone is on but whose sound does not arrive here.
 */
unheard: Array<PeerId>, };

/**
 * The hub restarts: reconnect after this time (with jitter) and resume.
 */
export type Reconnect = { after_ms: number, };

/**
 * A refusal's code. The same words stand in RFC 9457 problems and in the `error` message.
 */
export type RefusalCode = "not_authenticated" | "session_expired" | "no_role" | "role_not_permitted" | "not_on_roster" | "guardian_link_missing" | "guardian_link_ended" | "ward_is_adult" | "not_on_timetable" | "too_early" | "too_late" | "form_mismatch" | "illegal_transition" | "reason_required" | "host_absent" | "room_full" | "removed_from_room" | "room_locked" | "slow_mode" | "rate_limited" | "bad_message" | "out_of_order" | "version_not_supported" | "bad_offer" | "not_found" | "storage_full" | "unavailable" | "internal";

/**
 * A refusal: say why, stay.
 */
export type Refused = { code: RefusalCode, 
/**
 * The `type` of the message that is refused.
 */
request?: string, 
/**
 * The `client_msg_id` of a refused chat message.
 */
client_msg_id?: ClientMessageId, 
/**
 * When trying again makes sense.
 */
retry_after_ms?: number, 
/**
 * One sentence in English for a developer; people read the text of the code.
 */
detail?: string, };

/**
 * Moderators only: send somebody out. The account may not come back to this room.
 */
export type RemoveMember = { peer: PeerId, };

/**
 * Take the same seat again after a dropped socket, within 30 s. Answered by `joined` with the same peer id,
 * or by `error{not_found}`: then join anew. The old socket may still look alive: the new one wins, the old one
 * gets `closed{replaced}`.
 */
export type Resume = { room: RoomId, token: ResumeToken, 
/**
 * Highest chat sequence number seen; what followed is replayed in `joined`.
 */
chat_seq: number, };

/**
 * The secret by which a dropped socket takes its seat again. Never logged.
 */
export type ResumeToken = string;

/**
 * What this person may do now. Sent in `joined` and whenever it changes; the hub enforces it per message and per packet.
 */
export type Rights = { publish_audio: boolean, publish_video: boolean, publish_screen: boolean, chat: boolean, raise_hand: boolean, moderate: boolean, receive_media: boolean, };

/**
 * New rights; what is no longer allowed is already cut off.
 */
export type RightsChanged = { rights: Rights, };

/**
 * The room changed: state, policy, times.
 */
export type RoomChanged = { room: RoomView, };

/**
 * A room: one real-time consultation owns one (DOMAIN 2.1). The hub uses the consultation's id.
 */
export type RoomId = string;

/**
 * The host's switches.
 */
export type RoomPolicy = { 
/**
 * Recipients may not switch their microphones on.
 */
microphones_locked: boolean, 
/**
 * Recipients may not switch their cameras on.
 */
cameras_locked: boolean, 
/**
 * Recipients may not write.
 */
chat_locked: boolean, 
/**
 * Newcomers wait until admitted.
 */
admission: boolean, 
/**
 * Slow mode of the chat: a recipient writes one message in so many seconds. One of 0 (off), 10, 30, 60.
 */
slow_mode_s: number, };

/**
 * Moderators only: replace the room's policy.
 */
export type RoomPolicyChange = { policy: RoomPolicy, };

/**
 * What a person is in this room. Rights follow from role, form and state (DOMAIN 2.5), never from the role alone.
 */
export type RoomRole = "host" | "cohost" | "recipient" | "guardian" | "observer";

/**
 * State of the consultation as far as a room knows it (DOMAIN 2.2).
 */
export type RoomState = "open" | "live" | "closed";

/**
 * The room as every member sees it.
 */
export type RoomView = { room: RoomId, form: Form, state: RoomState, 
/**
 * What the lesson is about, for the heading.
 */
title: string, 
/**
 * Planned start and end, Unix milliseconds.
 */
start_ms: number, end_ms: number, 
/**
 * When the clock closes the room at the latest.
 */
closes_ms: number, policy: RoomPolicy, };

/**
 * What sits on a seat.
 */
export type SeatKind = "person" | "publisher" | "watcher";

/**
 * Which source an m-line of the offer sends. Every kind once at most.
 */
export type SendSlot = { mid: Mid, kind: SourceKind, 
/**
 * Its frames are encrypted end to end (encoded transforms): the hub looks at no payload and changes none. It then
 * tells key frames by the dependency descriptor alone: an offer without that extension brings no picture.
 */
encrypted: boolean, };

/**
 * What the hub sends.
 */
export type ServerMessage = { "type": "welcome" } & Welcome | { "type": "joined" } & Joined | { "type": "waiting" } & Waiting | { "type": "member_joined" } & MemberJoined | { "type": "member_changed" } & MemberChanged | { "type": "member_left" } & MemberLeft | { "type": "room_changed" } & RoomChanged | { "type": "ice_servers" } & IceServersChanged | { "type": "rights" } & RightsChanged | { "type": "hand_queue" } & HandQueue | { "type": "lobby" } & Lobby | { "type": "mute_requested" } & MuteRequested | { "type": "answer" } & Answer | { "type": "media_lost" } & MediaLost | { "type": "sources" } & Sources | { "type": "slot_map" } & SlotMap | { "type": "layers_wanted" } & LayersWanted | { "type": "speakers" } & Speakers | { "type": "unheard" } & UnheardNow | { "type": "chat_ack" } & ChatAck | { "type": "chat_message" } & ChatMessage | { "type": "chat_changed" } & ChatChanged | { "type": "chat_history" } & ChatHistory | { "type": "error" } & Refused | { "type": "reconnect" } & Reconnect | { "type": "closed" } & Closed;

/**
 * How well the line of a seat carries, by what the hub measures and what its client reports.
 */
export type SignalLevel = "good" | "fair" | "poor";

/**
 * What every slot of this receiver carries now.
 */
export type SlotMap = { slots: Array<SlotView>, };

/**
 * A video slot and what the client wants in it.
 */
export type SlotRequest = { mid: Mid, 
/**
 * `None`: nothing; the slot costs no bandwidth.
 */
source?: SourceId, 
/**
 * Height in pixels at which the tile is drawn; the hub sends no larger layer. 0: it is not drawn now (the page is
 * hidden, the tile is off the screen), and costs nothing until it is.
 */
max_height: number, };

/**
 * What the layout shows now. Replaces the earlier wish entirely. Audio slots are filled by the hub.
 * A mid that is no receiving m-line of the last offer: `bad_message`. A source that is not there or not for this
 * person: `not_found`, and that slot stays empty.
 */
export type SlotRequests = { slots: Array<SlotRequest>, };

/**
 * What a slot carries.
 */
export type SlotView = { mid: Mid, source?: SourceId, };

/**
 * One published source of media (a camera, a microphone, a screen). `peer:label`.
 */
export type SourceId = string;

/**
 * What a source shows.
 */
export type SourceKind = "microphone" | "camera" | "screen_audio" | "screen";

/**
 * Something that can be watched or heard.
 */
export type SourceView = { source: SourceId, peer: PeerId, kind: SourceKind, 
/**
 * Muted by its owner or by the host: nothing is sent.
 */
muted: boolean, 
/**
 * Its frames are encrypted end to end: without the key there is nothing to see or hear.
 */
encrypted: boolean, };

/**
 * All sources of the room, after any change.
 */
export type Sources = { sources: Array<SourceView>, };

/**
 * Who speaks, loudest first (from RFC 6464 levels). At most four.
 */
export type Speakers = { peers: Array<PeerId>, };

/**
 * Somebody whose microphone is on, and somebody at whom its sound does not arrive.
 */
export type Unheard = { speaker: PeerId, listener: PeerId, };

/**
 * Who cannot hear whom now, by the listeners' own reports; replaces what was said before. Moderators are told all,
 * the others who it is that cannot hear them. At most 64.
 */
export type UnheardNow = { pairs: Array<Unheard>, };

/**
 * A codec of pictures. VP8 is sent in simulcast layers, VP9 and AV1 in one stream with layers inside (SVC).
 */
export type VideoCodec = "vp8" | "vp9" | "av1" | "h264";

/**
 * In the lobby. `joined` follows by itself; `closed` if the room ends first.
 */
export type Waiting = { reason: WaitingReason, room: RoomView, 
/**
 * How many wait, this person included.
 */
waiting: number, };

/**
 * Why a person sits in the lobby.
 */
export type WaitingReason = "host_absent" | "admission";

/**
 * Somebody in the lobby, as moderators see them. `admit` names the peer.
 */
export type WaitingView = { peer: PeerId, person: PersonId, display_name: string, role: RoomRole, reason: WaitingReason, };

/**
 * Answer to `hello`.
 */
export type Welcome = { version: number, person: PersonId, display_name: string, 
/**
 * The hub's clock, Unix milliseconds: countdowns use the difference to it.
 */
server_time_ms: number, 
/**
 * The hub pings this often; a client that hears nothing for 15 s reconnects.
 */
ping_interval_ms: number, };
