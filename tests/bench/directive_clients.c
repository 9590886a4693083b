/* Many Socket.IO clients in one process: each connects by WebSocket with the cookie of a
 * sign-in, `session=bench-<unit>`, and acknowledges what it gets.
 *   directive_clients PORT CLIENTS FIRST_UNIT [MISSED]
 * Prints "open" when all are connected, and after each message that reached all: "last <ns> <ns of the median client>"
 * by CLOCK_MONOTONIC. Ends when its standard input does. With MISSED they come all at once and ask for what they have
 * missed; "caught <ns of the first connection> <ns of the last answer>" when each has got exactly that many events. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum phase { CONNECTING, UPGRADING, OPENING, JOINING, OPEN };
struct client { int fd; enum phase phase; size_t length; uint8_t data[16384]; };

static struct client *clients;
static uint64_t *arrived;
static int port, count, first_unit, missed, poller, open_clients, received, caught;
static uint64_t begun;

static void fail(const char *what) { perror(what); exit(1); }

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A masked text frame (RFC 6455, 5.2); a mask of zeros leaves the text as it is. */
static void send_text(struct client *c, const char *text) {
  uint8_t frame[256] = {0x81};
  size_t length = strlen(text);
  if (length > 125) { fprintf(stderr, "text too long\n"); exit(1); }
  frame[1] = 0x80 | (uint8_t)length;
  memcpy(frame + 6, text, length);
  if (send(c->fd, frame, length + 6, MSG_NOSIGNAL) < 0) fail("send");
}

static void connect_client(int i) {
  struct client *c = &clients[i];
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.u32 = (uint32_t)i};
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) fail("connect");
  epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
}

static void upgrade(int i) {
  char request[320];
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
  snprintf(request, sizeof request,
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\nCookie: session=bench-%d\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n", first_unit + i);
  if (send(clients[i].fd, request, strlen(request), MSG_NOSIGNAL) < 0) fail("send");
  epoll_ctl(poller, EPOLL_CTL_MOD, clients[i].fd, &event);
  clients[i].phase = UPGRADING;
}

static int by_time(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void take_directive(int i, const char *text, size_t length) {
  char reply[96];
  const char *seq = memmem(text, length, "\"seq\":", 6);
  if (!seq) return;
  arrived[received++] = now_ns();
  snprintf(reply, sizeof reply, "42[\"channel.ack\",{\"seq\":%d}]", atoi(seq + 6));
  send_text(&clients[i], reply);
  if (received < count) return;
  received = 0;
  qsort(arrived, (size_t)count, sizeof *arrived, by_time);
  printf("last %llu %llu\n", (unsigned long long)arrived[count - 1], (unsigned long long)arrived[count / 2]);
}

/* The answer to channel.catch_up: events 1 to `missed`, in order, none twice. */
static void take_missed(int i, const char *text, size_t length) {
  const char *end = text + length, *at = text;
  int seq = 0;
  while ((at = memmem(at, (size_t)(end - at), "\"seq\":", 6))) {
    at += 6;
    if (atoi(at) != ++seq) { fprintf(stderr, "client %d: event %d in place %d\n", i, atoi(at), seq); exit(1); }
  }
  if (seq != missed) { fprintf(stderr, "client %d: %d events of %d\n", i, seq, missed); exit(1); }
  if (++caught == count) printf("caught %llu %llu\n", (unsigned long long)begun, (unsigned long long)now_ns());
}

static void take_text(int i, const char *text, size_t length) {
  struct client *c = &clients[i];
  if (c->phase == OPENING && text[0] == '0') {
    send_text(c, "40");
    c->phase = JOINING;
  } else if (c->phase == JOINING && length > 1 && text[0] == '4' && text[1] == '0') {
    c->phase = OPEN;
    if (missed) send_text(c, "420[\"channel.catch_up\",{\"seq\":0}]");
    if (++open_clients == count) printf("open\n");
    else if (!missed && open_clients + 49 < count) connect_client(open_clients + 49); /* fifty at a time */
  } else if (length == 1 && text[0] == '2') {
    send_text(c, "3");
  } else if (missed && length > 3 && !memcmp(text, "430[", 4)) {
    take_missed(i, text, length);
  } else if (length > 2 && text[0] == '4' && text[1] == '2') {
    take_directive(i, text, length);
  } else {
    fprintf(stderr, "client %d: unexpected %.*s\n", i, (int)length, text);
    exit(1);
  }
}

static size_t skip_answer(struct client *c) {
  uint8_t *end = memmem(c->data, c->length, "\r\n\r\n", 4);
  if (!end) return 0;
  if (memcmp(c->data + 9, "101", 3)) { fprintf(stderr, "%.*s\n", (int)c->length, c->data); exit(1); }
  c->phase = OPENING;
  return (size_t)(end - c->data) + 4;
}

static void take_bytes(int i) {
  struct client *c = &clients[i];
  ssize_t got = recv(c->fd, c->data + c->length, sizeof c->data - c->length, 0);
  size_t at = 0;
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) { fprintf(stderr, "client %d was closed\n", i); exit(1); }
  c->length += (size_t)got;
  if (c->phase == UPGRADING) at = skip_answer(c);
  while (c->phase >= OPENING && c->length - at >= 2) {
    uint8_t *frame = c->data + at;
    size_t left = c->length - at, length = frame[1] & 127, head = 2;
    if (length == 126) {
      if (left < 4) break;
      length = (size_t)frame[2] << 8 | frame[3];
      head = 4;
    }
    if (left < head + length) break;
    if ((frame[0] & 15) == 1) take_text(i, (char *)frame + head, length);
    else if ((frame[0] & 15) == 8) { fprintf(stderr, "client %d: close frame\n", i); exit(1); }
    at += head + length;
  }
  memmove(c->data, c->data + at, c->length - at);
  c->length -= at;
}

int main(int argc, char **argv) {
  struct epoll_event events[256];
  struct epoll_event input = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
  if (argc != 4 && argc != 5) return 2;
  port = atoi(argv[1]), count = atoi(argv[2]), first_unit = atoi(argv[3]);
  missed = argc == 5 ? atoi(argv[4]) : 0;
  begun = now_ns();
  clients = calloc((size_t)count, sizeof *clients);
  arrived = calloc((size_t)count, sizeof *arrived);
  poller = epoll_create1(0);
  setvbuf(stdout, NULL, _IOLBF, 0);
  epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input);
  for (int i = 0; i < count && (missed || i < 50); i++) connect_client(i);
  for (;;) {
    int ready = epoll_wait(poller, events, 256, -1);
    for (int k = 0; k < ready; k++) {
      uint32_t i = events[k].data.u32;
      if (i == UINT32_MAX) return 0;
      if (clients[i].phase == CONNECTING) upgrade((int)i);
      else if (events[k].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) take_bytes((int)i);
    }
  }
}
