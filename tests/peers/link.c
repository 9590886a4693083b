// A bad link in user space: two TUN devices (Linux's tun(4)) and a queue, a wire and a lossy air in each direction.
//
// link SEED NEAR FAR makes the devices NEAR and FAR and passes IPv4 packets between them. A line on stdin sets one
// direction, "down" (NEAR to FAR) or "up":
//
//     down rate=BIT/S queue=S least=BYTES delay=S jitter=S reorder=0|1 loss=SHARE burst=PACKETS outage=0|1
//
// and what a line leaves out keeps its value. The line "stats" prints the counters of both as one JSON object. Every
// line is answered by one line ("ok" for a setting), so that the caller knows from when on it holds. It ends with stdin.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define LARGEST 2048
#define READS_AT_ONCE 64
#define HOLD 0.1  // s that a delay lasts which does not reorder

typedef struct {
    double at;
    uint64_t number;  // packets of the same moment stay in order
    int size;
    uint8_t *bytes;
} Packet;

typedef struct {
    const char *name;
    int in, out;  // file descriptors of the two devices
    double rate, queue, least, delay, jitter, reorder, loss, burst, outage;  // as set
    double free_at;      // when the wire has sent all that waits for it
    double latest;       // when the last packet arrives
    double held, held_until;  // the present extra delay, without reordering
    int bad;             // whether the air is in a burst of loss
    uint64_t random, number;
    Packet *heap;
    int count, room;
    int gap;             // whether the last packet was lost
    uint64_t packets_in, bytes_in, packets, bytes, queue_dropped, lost, gaps, outage_dropped;
} Way;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

// splitmix64, in [0, 1)
static double chance(Way *way) {
    uint64_t z = way->random += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return ((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

static int device(const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) die("/dev/net/tun");
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(fd, TUNSETIFF, &request) < 0) die(name);
    return fd;
}

// ---- a heap of packets by the moment of their arrival

static int before(const Packet *a, const Packet *b) {
    return a->at < b->at || (a->at == b->at && a->number < b->number);
}

static void push(Way *way, Packet packet) {
    if (way->count == way->room) {
        way->room = way->room ? 2 * way->room : 256;
        way->heap = realloc(way->heap, way->room * sizeof(Packet));
        if (!way->heap) die("memory");
    }
    int place = way->count++;
    while (place > 0 && before(&packet, &way->heap[(place - 1) / 2])) {
        way->heap[place] = way->heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    way->heap[place] = packet;
}

static Packet pop(Way *way) {
    Packet first = way->heap[0], last = way->heap[--way->count];
    int place = 0;
    for (;;) {
        int child = 2 * place + 1;
        if (child + 1 < way->count && before(&way->heap[child + 1], &way->heap[child])) child++;
        if (child >= way->count || !before(&way->heap[child], &last)) break;
        way->heap[place] = way->heap[child];
        place = child;
    }
    way->heap[place] = last;
    return first;
}

// ---- what happens to a packet

// Simple Gilbert model: every packet of the bad state is lost; `burst` is that state's mean length in packets.
static int lost(Way *way) {
    if (way->loss <= 0) return way->bad = 0;
    if (way->burst <= 1) return chance(way) < way->loss;
    double leave = 1 / way->burst, enter = leave * way->loss / (1 - way->loss);
    way->bad = way->bad ? chance(way) >= leave : chance(way) < enter;
    return way->bad;
}

static double extra_delay(Way *way, double at) {
    if (way->jitter <= 0) return 0;
    if (way->reorder) return chance(way) * way->jitter;
    if (at >= way->held_until) {
        way->held = chance(way) * way->jitter;
        way->held_until = at + HOLD;
    }
    return way->held;
}

static void take(Way *way, const uint8_t *bytes, int size, double at) {
    way->packets_in++;
    way->bytes_in += size;
    if (way->outage) {
        way->outage_dropped++;
        return;
    }
    if (way->rate > 0) {
        double waiting = way->free_at > at ? way->free_at - at : 0;
        double limit = way->queue > way->least * 8 / way->rate ? way->queue : way->least * 8 / way->rate;
        if (waiting >= limit) {  // whatever its size: a full queue must not prefer small packets
            way->queue_dropped++;
            return;
        }
        at += waiting + size * 8 / way->rate;
        way->free_at = at;
    }
    int before = way->gap;
    way->gap = lost(way);
    way->lost += way->gap;
    way->gaps += way->gap && !before;
    if (way->gap) return;
    at += way->delay + extra_delay(way, at);
    if (!way->reorder && at < way->latest) at = way->latest;
    way->latest = at;
    Packet packet = {at, way->number++, size, malloc(size)};
    if (!packet.bytes) die("memory");
    memcpy(packet.bytes, bytes, size);
    push(way, packet);
}

static void read_all(Way *way, double at) {
    uint8_t bytes[LARGEST];
    for (int n = 0; n < READS_AT_ONCE; n++) {
        int size = read(way->in, bytes, sizeof bytes);
        if (size < 0 && (errno == EAGAIN || errno == EIO)) return;  // EIO: the device is not up yet
        if (size < 0) die(way->name);
        if (size > 0 && bytes[0] >> 4 == 4) take(way, bytes, size, at);  // not IPv6's own chatter
    }
}

static void deliver(Way *way, double at) {
    while (way->count && way->heap[0].at <= at) {
        Packet packet = pop(way);
        if (write(way->out, packet.bytes, packet.size) < 0 && errno != EIO) die(way->name);
        way->packets++;
        way->bytes += packet.size;
        free(packet.bytes);
    }
}

// ---- what we are told

static void set(Way *way, char *words) {
    const struct {
        const char *name;
        double *value;
    } names[] = {{"rate", &way->rate},     {"queue", &way->queue},   {"least", &way->least},
                 {"delay", &way->delay},   {"jitter", &way->jitter}, {"reorder", &way->reorder},
                 {"loss", &way->loss},     {"burst", &way->burst},   {"outage", &way->outage}};
    for (char *word = strtok(words, " \n"); word; word = strtok(NULL, " \n")) {
        char *value = strchr(word, '=');
        size_t found = sizeof names / sizeof *names;
        if (value) *value++ = 0;
        for (size_t n = 0; value && n < sizeof names / sizeof *names; n++)
            if (!strcmp(names[n].name, word)) *names[found = n].value = atof(value);
        if (found == sizeof names / sizeof *names) {
            fprintf(stderr, "unknown setting: %s\n", word);
            exit(2);
        }
    }
}

static void print_way(const Way *way) {
    printf("\"%s\": {\"packets_in\": %lu, \"bytes_in\": %lu, \"packets\": %lu, \"bytes\": %lu, \"queue_dropped\": %lu, "
           "\"lost\": %lu, \"gaps\": %lu, \"outage_dropped\": %lu}",
           way->name, way->packets_in, way->bytes_in, way->packets, way->bytes, way->queue_dropped, way->lost,
           way->gaps, way->outage_dropped);
}

static void hear(char *line, Way *down, Way *up) {
    if (!strncmp(line, "stats", 5)) {
        printf("{");
        print_way(down);
        printf(", ");
        print_way(up);
        printf("}\n");
    } else {
        set(line[0] == 'd' ? down : up, strchr(line, ' ') ? strchr(line, ' ') : line + strlen(line));
        printf("ok\n");
    }
    fflush(stdout);
}

static int hear_all(Way *down, Way *up) {
    static char text[4096];
    static size_t length;
    ssize_t size = read(0, text + length, sizeof text - 1 - length);
    if (size <= 0) return 0;
    length += size;
    text[length] = 0;
    char *line = text;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        hear(line, down, up);
    }
    length -= line - text;
    memmove(text, line, length);
    return 1;
}

static void wait_for_work(struct pollfd *polled, Way *ways) {
    double next = 1e18, at = now();
    for (int n = 0; n < 2; n++)
        if (ways[n].count && ways[n].heap[0].at < next) next = ways[n].heap[0].at;
    double left = next > at ? next - at : 0;
    struct timespec timeout = {(time_t)left, (long)((left - (time_t)left) * 1e9)};
    if (ppoll(polled, 3, next < 1e18 ? &timeout : NULL, NULL) < 0 && errno != EINTR) die("ppoll");
}

int main(int count, char **words) {
    if (count != 4) return fprintf(stderr, "link SEED NEAR FAR\n"), 2;
    prctl(PR_SET_TIMERSLACK, 1000);  // ns; by default the kernel may wake us 50 us late
    if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){1}) < 0) perror("late on a busy machine");
    int near = device(words[2]), far = device(words[3]);
    uint64_t seed = strtoull(words[1], NULL, 10);
    Way ways[2] = {{.name = "down", .in = near, .out = far, .random = 2 * seed},
                   {.name = "up", .in = far, .out = near, .random = 2 * seed + 1}};
    printf("ready\n");
    fflush(stdout);
    struct pollfd polled[3] = {{.fd = 0, .events = POLLIN}, {.fd = near, .events = POLLIN}, {.fd = far, .events = POLLIN}};
    for (;;) {
        wait_for_work(polled, ways);
        if (polled[0].revents && !hear_all(&ways[0], &ways[1])) return 0;
        for (int n = 0; n < 2; n++) {
            if (polled[n + 1].revents & POLLIN) read_all(&ways[n], now());
            deliver(&ways[n], now());
        }
    }
}
