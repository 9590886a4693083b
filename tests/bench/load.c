/* The load of the `sfu` bench: publishers and many sinks on sockets whose DTLS is done, in one epoll loop.
   Protection is libsrtp's, by pointers to the functions and sessions of the Python process. Sinks answer as browsers
   do: a receiver report a second and, where negotiated, transport-wide feedback ten times a second of when each
   packet came, which the bench counts so that both servers are seen to get the same. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

typedef int (*crypt_fn)(void *session, void *packet, int *length);
enum { SENT, RECEIVED, GOOD, BAD, RTCP, LATE, FEEDBACK, VOICES_SENT, VOICES_RECEIVED, STATS };
enum { MARK = 32, BATCH = 64, PACKET = 2048, LATENCIES = 200000, VOICE = 400 /* bytes: shorter ones are voices */ };
enum { RTX = 97 }; // payload type, as offers name it (tests/media/endpoint.py)
enum { TOLD = 512 /* packets of one feedback at most; a power of two */ };
static const char MAGIC[8] = "GIAOBAN!";

struct sink {
  int fd, tcc_id;
  void *in, *out;
  struct sockaddr_in to;
  uint64_t received;
  unsigned turn;
  double next_feedback, next_report;
  int have_base;
  uint16_t base, next;           /* what the next feedback speaks of */
  uint8_t feedbacks;
  uint32_t came[TOLD];           /* when a number came, in units of 250 us, by number modulo TOLD; 0: not */
};

static struct sink *sinks;
static int sink_count, epoll;
static crypt_fn protect, unprotect, protect_rtcp;
static uint64_t stats[STATS];
static double latencies[2][LATENCIES]; /* of pictures, of voices */
static int latency_count[2];

static struct publisher {
  int fd, video_pt, audio_pt;
  void *out;
  struct sockaddr_in to;
  uint32_t video_ssrc, audio_ssrc, video_time, audio_time;
  uint16_t video_seq, audio_seq, picture;
} *publishers;
static int publisher_count;

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static struct sockaddr_in address(const char *host, int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, host, &a.sin_addr);
  return a;
}

static void watch(int fd, uint32_t number) {
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
  int room = 8 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void load_init(int count, int publishing, uintptr_t protect_at, uintptr_t unprotect_at, uintptr_t protect_rtcp_at) {
  sinks = calloc(count, sizeof *sinks);
  sink_count = count;
  publishers = calloc(publishing, sizeof *publishers);
  publisher_count = publishing;
  epoll = epoll_create1(0);
  protect = (crypt_fn)protect_at;
  unprotect = (crypt_fn)unprotect_at;
  protect_rtcp = (crypt_fn)protect_rtcp_at;
}

void load_sink(int number, int fd, uintptr_t in, uintptr_t out, const char *host, int port, int tcc_id) {
  struct sink *s = &sinks[number];
  s->fd = fd;
  s->in = (void *)in;
  s->out = (void *)out;
  s->to = address(host, port);
  s->tcc_id = tcc_id;
  s->turn = number;
  watch(fd, number);
}

/* `video_ssrc` 0: a voice alone. */
void load_publisher(int number, int fd, uintptr_t out, const char *host, int port, uint32_t video_ssrc,
                    uint32_t audio_ssrc, int video_pt, int audio_pt) {
  struct publisher *p = &publishers[number];
  p->fd = fd;
  p->out = (void *)out;
  p->to = address(host, port);
  p->video_ssrc = video_ssrc;
  p->audio_ssrc = audio_ssrc;
  p->video_pt = video_pt;
  p->audio_pt = audio_pt;
  watch(fd, UINT32_MAX - number);
}

void load_reset(void) {
  memset(stats, 0, sizeof stats);
  latency_count[0] = latency_count[1] = 0;
  for (int i = 0; i < sink_count; i++) sinks[i].received = 0;
}

uint64_t load_stat(int which) { return stats[which]; }
uint64_t load_received(int number) { return sinks[number].received; }
int load_latencies(int voices, double *out, int room) {
  int n = latency_count[voices] < room ? latency_count[voices] : room;
  memcpy(out, latencies[voices], n * sizeof *out);
  return n;
}

/* Each frame is a key frame, so that any sink may begin with it. The payload holds the time and a mark. */
static void publish(struct publisher *from, int video, int first, int last, int size) {
  uint8_t p[PACKET];
  memset(p, 0xA5, size);
  p[0] = 0x80;
  p[1] = (video ? from->video_pt : from->audio_pt) | (last ? 0x80 : 0);
  uint16_t seq = htons(video ? from->video_seq++ : from->audio_seq++);
  uint32_t at = htonl(video ? from->video_time : from->audio_time);
  uint32_t ssrc = htonl(video ? from->video_ssrc : from->audio_ssrc);
  memcpy(p + 2, &seq, 2);
  memcpy(p + 4, &at, 4);
  memcpy(p + 8, &ssrc, 4);
  if (video) {
    static const uint8_t key_frame[10] = {0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01};
    p[12] = 0x80 | (first ? 0x10 : 0);
    p[13] = 0x80;
    p[14] = 0x80 | (from->picture >> 8 & 0x7F);
    p[15] = from->picture & 0xFF;
    if (first) memcpy(p + 16, key_frame, sizeof key_frame);
  }
  double now = seconds();
  memcpy(p + MARK, &now, 8);
  memcpy(p + MARK + 8, MAGIC, 8);
  int length = size;
  if (protect(from->out, p, &length) == 0 &&
      sendto(from->fd, p, length, 0, (struct sockaddr *)&from->to, sizeof from->to) == length)
    stats[SENT]++, stats[VOICES_SENT] += !video;
}

static void send_rtcp(struct sink *s, uint8_t *p, int length) {
  if (protect_rtcp(s->out, p, &length) == 0)
    sendto(s->fd, p, length, MSG_DONTWAIT, (struct sockaddr *)&s->to, sizeof s->to);
}

static void report(struct sink *s) { /* a receiver report without blocks */
  uint8_t p[256] = {0x80, 201, 0, 1, 0, 0, 0, 7};
  send_rtcp(s, p, 8);
}

static void put16(uint8_t *p, unsigned value) {
  p[0] = value >> 8;
  p[1] = value & 0xFF;
}

static int put_statuses(uint8_t *p, const uint8_t *symbols, int count, int all_small) { /* bytes of the chunks */
  if (all_small) {
    put16(p, 0x2000 | count);
    return 2;
  }
  int at = 0;
  for (int i = 0; i < count; i += 7, at += 2) {
    unsigned chunk = 0xC000;
    for (int k = 0; k < 7 && i + k < count; k++) chunk |= symbols[i + k] << (12 - 2 * k);
    put16(p + at, chunk);
  }
  return at;
}

static void feedback(struct sink *s) { /* of base..next, whether and when each came */
  int count = (uint16_t)(s->next - s->base), size = 0, all_small = 1;
  uint8_t symbols[TOLD], deltas[2 * TOLD];
  uint32_t reference = 0, before = 0;
  if (!s->have_base || count < 1 || count > TOLD) {
    s->base = s->next;
    return;
  }
  for (int i = 0; i < count; i++) {
    uint32_t *came = &s->came[(uint16_t)(s->base + i) % TOLD];
    symbols[i] = 0;
    if (*came) {
      if (!reference) before = 256 * (reference = *came / 256);
      int delta = *came - before;
      symbols[i] = delta >= 0 && delta < 256 ? 1 : 2;
      if (symbols[i] == 2) deltas[size++] = delta >> 8 & 0xFF;
      deltas[size++] = delta & 0xFF;
      before = *came;
    }
    *came = 0;
    all_small &= symbols[i] == 1;
  }
  uint8_t p[PACKET] = {0x8F, 205, 0, 0, 0, 0, 0, 7};
  put16(p + 12, s->base);
  put16(p + 14, count);
  put16(p + 16, reference >> 8);
  p[18] = reference & 0xFF;
  p[19] = s->feedbacks++;
  int at = 20 + put_statuses(p + 20, symbols, count, all_small);
  memcpy(p + at, deltas, size);
  at = (at + size + 3) & ~3;
  put16(p + 2, at / 4 - 1);
  s->base = s->next;
  stats[FEEDBACK]++;
  send_rtcp(s, p, at);
}

static void note_transport_number(struct sink *s, const uint8_t *p, int n, double now) {
  if (!(p[0] & 0x10) || n < 20 || p[16] >> 4 != s->tcc_id) return;
  uint16_t number = p[17] << 8 | p[18];
  if (!s->have_base) {
    s->base = s->next = number;
    s->have_base = 1;
  }
  if ((uint16_t)(number - s->base) >= TOLD) return;
  s->came[number % TOLD] = (uint32_t)(now * 4000);
  if ((int16_t)(number + 1 - s->next) > 0) s->next = number + 1;
}

static void check(struct sink *s, uint8_t *p, int n, double now) {
  int length = n, voice = n < VOICE;
  if (unprotect(s->in, p, &length)) {
    stats[BAD]++;
    return;
  }
  if ((p[1] & 0x7F) == RTX) return; // a probe, or what was asked for again: its time says nothing
  int start = 12 + 4 * (p[0] & 15);
  if (p[0] & 0x10) start += 4 + 4 * (p[start + 2] << 8 | p[start + 3]);
  if (length < start + MARK - 12 + 16 || memcmp(p + start + MARK - 12 + 8, MAGIC, 8)) {
    stats[BAD]++;
    return;
  }
  stats[GOOD]++;
  double then;
  memcpy(&then, p + start + MARK - 12, 8);
  if (latency_count[voice] < LATENCIES) latencies[voice][latency_count[voice]++] = now - then;
}

static void arrived(struct sink *s, uint8_t *p, int n, int sample, double now) {
  if (n < 12 || p[0] < 128 || p[0] > 191) return;
  if (p[1] >= 192 && p[1] <= 223) {
    stats[RTCP]++;
    return;
  }
  s->received++;
  stats[RECEIVED]++;
  stats[VOICES_RECEIVED] += n < VOICE;
  if (s->tcc_id) note_transport_number(s, p, n, now);
  if (++s->turn % sample == 0) check(s, p, n, now);
}

static void drain(uint32_t number, int sample) {
  static uint8_t data[BATCH][PACKET];
  struct mmsghdr messages[BATCH];
  struct iovec parts[BATCH];
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){data[i], PACKET};
    messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
  }
  int of_sink = number < (uint32_t)sink_count;
  int fd = of_sink ? sinks[number].fd : publishers[UINT32_MAX - number].fd;
  int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
  double now = seconds();
  for (int i = 0; i < count && of_sink; i++) arrived(&sinks[number], data[i], messages[i].msg_len, sample, now);
}

static void answer_all(double now) {
  for (int i = 0; i < sink_count; i++) {
    struct sink *s = &sinks[i];
    if (now >= s->next_report) {
      report(s);
      s->next_report = now + 1 + i * 1e-3;
    }
    if (s->tcc_id && now >= s->next_feedback) {
      feedback(s);
      s->next_feedback = now + 0.1;
    }
  }
}

static void publish_picture(struct publisher *from, double frames, int burst, int size) {
  if (!from->video_ssrc) return;
  from->video_time += (uint32_t)(90000 / frames);
  from->picture++;
  for (int i = 0; i < burst; i++) publish(from, 1, i == 0, i == burst - 1, size);
}

/* Runs for `length` seconds; each publisher sends `frames` frames of `burst` packets and `voices` audio packets a second. */
void load_run(double length, double frames, int burst, double voices, int video_size, int audio_size, int sample) {
  double now = seconds(), end = now + length, next_frame = now, next_voice = now + 0.003, next_answers = now;
  while ((now = seconds()) < end) {
    if (frames > 0 && now - next_frame > 0.05) stats[LATE]++;
    for (; frames > 0 && next_frame <= now; next_frame += 1 / frames)
      for (int i = 0; i < publisher_count; i++) publish_picture(&publishers[i], frames, burst, video_size);
    for (; voices > 0 && next_voice <= now; next_voice += 1 / voices)
      for (int i = 0; i < publisher_count; i++) {
        publishers[i].audio_time += 960;
        publish(&publishers[i], 0, 0, 0, audio_size);
      }
    if (next_answers <= now) {
      answer_all(now);
      next_answers = now + 0.01;
    }
    struct epoll_event events[256];
    double wait = end - now;
    if (frames > 0 && next_frame - now < wait) wait = next_frame - now;
    if (voices > 0 && next_voice - now < wait) wait = next_voice - now;
    if (next_answers - now < wait) wait = next_answers - now;
    struct timespec pause = {0, wait > 0 ? (long)(wait * 1e9) % 1000000000 : 0};
    int count = epoll_pwait2(epoll, events, 256, &pause, NULL);
    for (int i = 0; i < count; i++) drain(events[i].data.u32, sample);
  }
}
