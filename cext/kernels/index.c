#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "crc32c.h"
#include "index.h"

#define FIRST_ORDERS ((int64_t)1 << 15)
#define FIRST_CLIENTS ((int64_t)1 << 12)

static int64_t orders_bytes(int64_t capacity) { return GM_INDEX_HEAD + capacity * (int64_t)sizeof(gm_index_entry_t); }
static int64_t clients_bytes(int64_t capacity) { return GM_INDEX_HEAD + capacity * (int64_t)sizeof(gm_client_t); }

/* A new file: whoever has one of this name mapped keeps what he has. */
static int make_file(int directory, const char* name) {
    if (directory < 0) return memfd_create("gm-index", MFD_CLOEXEC);
    if (unlinkat(directory, name, 0) != 0 && errno != ENOENT) return -1;
    return openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

/* Zeros whose blocks exist: a store into the mapping can never meet a full disk. */
static int extend(int fd, int64_t bytes) {
    int code = posix_fallocate(fd, 0, bytes);
    if (code != 0) { errno = code; return GM_ERR_IO; }
    return GM_OK;
}

static void* map(int fd, int64_t bytes) {
    void* p = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void set_head(gm_index_head_t* h, const char* magic, uint64_t layout, const uint8_t uuid[16], const uint8_t boot[16], int64_t capacity) {
    memset(h, 0, sizeof *h);
    memcpy(h->magic, magic, 8);
    h->layout = layout;
    memcpy(h->uuid, uuid, 16);
    memcpy(h->boot, boot, 16);
    h->capacity = capacity;
}

/* An index of another boot may be torn: it was never forced. */
static int is_ours(const gm_index_head_t* h, const char* magic, uint64_t layout, const uint8_t uuid[16], const uint8_t boot[16]) {
    return memcmp(h->magic, magic, 8) == 0 && h->layout == layout && memcmp(h->uuid, uuid, 16) == 0 && memcmp(h->boot, boot, 16) == 0;
}

/* The checksum of a whole index file, its own place as zero. */
static uint32_t file_sum(const gm_index_head_t* h, int64_t bytes) {
    static const uint32_t zero = 0;
    const size_t at = offsetof(gm_index_head_t, crc32c);
    uint32_t crc = gm_crc32c(0, h, at);
    crc = gm_crc32c(crc, &zero, sizeof zero);
    return gm_crc32c(crc, (const char*)h + at + sizeof zero, (size_t)bytes - at - sizeof zero);
}

/* A file that was closed in order must be as it was; from here on it changes again. */
static int is_whole(gm_index_head_t* h, int64_t bytes) {
    if (h->sealed && file_sum(h, bytes) != h->crc32c) return 0;
    h->sealed = 0;
    return 1;
}

static void seal_file(gm_index_head_t* h, int64_t bytes) {
    h->sealed = 1;
    h->crc32c = file_sum(h, bytes);
}

void gm_index_seal(gm_index_t* x) {
    if (!x->head || !x->clients || x->directory < 0) return;
    seal_file(x->head, orders_bytes(x->capacity));
    seal_file(x->clients->head, clients_bytes(x->clients->capacity));
}

static gm_clients_file_t* clients_make(int fd, int64_t capacity, int fresh, const gm_index_head_t* head) {
    gm_clients_file_t* c = (gm_clients_file_t*)calloc(1, sizeof *c);
    if (c == NULL) { errno = ENOMEM; return NULL; }
    if ((fresh && extend(fd, clients_bytes(capacity)) != GM_OK) || (c->head = (gm_index_head_t*)map(fd, clients_bytes(capacity))) == NULL) {
        int kept = errno;
        free(c);
        errno = kept;
        return NULL;
    }
    c->slots = (gm_client_t*)((char*)c->head + GM_INDEX_HEAD);
    c->capacity = capacity;
    c->fd = fd;
    if (fresh) set_head(c->head, "GMCLIEN1", head->layout, head->uuid, head->boot, capacity);
    return c;
}

static void clients_put(gm_clients_file_t* c, uint64_t hash, int64_t order_id) {
    int64_t at = (int64_t)(hash & (uint64_t)(c->capacity - 1));
    while (c->slots[at].order_id != 0) {
        if (c->slots[at].hash == hash && c->slots[at].order_id == order_id) return;
        at = (at + 1) & (c->capacity - 1);
    }
    c->slots[at].hash = hash;
    __atomic_store_n(&c->slots[at].order_id, order_id, __ATOMIC_RELEASE);
    c->head->count++;
}

int gm_index_open(gm_index_t* x, int directory, uint64_t layout, const uint8_t uuid[16], const uint8_t boot[16], int fresh) {
    gm_index_head_t head;
    struct stat info;
    int fd = -1;
    memset(x, 0, sizeof *x);
    x->directory = directory;
    x->fd = -1;
    if (!fresh && directory >= 0) {
        int clients = openat(directory, "clients.index", O_RDWR | O_CLOEXEC);
        fd = openat(directory, "orders.index", O_RDWR | O_CLOEXEC);
        if (fd >= 0 && pread(fd, &head, sizeof head, 0) == (ssize_t)sizeof head && is_ours(&head, "GMINDEX1", layout, uuid, boot)
            && fstat(fd, &info) == 0 && head.capacity > 0 && info.st_size == orders_bytes(head.capacity)) {
            x->head = (gm_index_head_t*)map(fd, info.st_size);
            x->capacity = head.capacity;
        }
        if (x->head && clients >= 0 && pread(clients, &head, sizeof head, 0) == (ssize_t)sizeof head
            && is_ours(&head, "GMCLIEN1", layout, uuid, boot) && fstat(clients, &info) == 0 && head.capacity > 0
            && (head.capacity & (head.capacity - 1)) == 0 && info.st_size == clients_bytes(head.capacity)) {
            x->clients = clients_make(clients, head.capacity, 0, NULL);
        }
        if (x->clients && (!is_whole(x->head, orders_bytes(x->capacity)) || !is_whole(x->clients->head, clients_bytes(x->clients->capacity)))) {
            munmap(x->clients->head, (size_t)clients_bytes(x->clients->capacity));
            free(x->clients);
            x->clients = NULL;
            x->damaged = 1;
        }
        if (!x->clients) {      /* both or none */
            if (x->head) munmap(x->head, (size_t)orders_bytes(x->capacity));
            x->head = NULL;
            if (clients >= 0) close(clients);
            if (fd >= 0) close(fd);
            fd = -1;
        }
    }
    if (!x->head) {
        int clients;
        set_head(&head, "GMINDEX1", layout, uuid, boot, FIRST_ORDERS);
        fd = make_file(directory, "orders.index");
        if (fd < 0) return GM_ERR_IO;
        if (extend(fd, orders_bytes(FIRST_ORDERS)) != GM_OK || (x->head = (gm_index_head_t*)map(fd, orders_bytes(FIRST_ORDERS))) == NULL) {
            close(fd);
            return GM_ERR_IO;
        }
        *x->head = head;
        x->capacity = FIRST_ORDERS;
        x->fd = fd;
        clients = make_file(directory, "clients.index");
        if (clients < 0 || (x->clients = clients_make(clients, FIRST_CLIENTS, 1, &head)) == NULL) {
            if (clients >= 0) close(clients);
            gm_index_close(x);
            return GM_ERR_IO;
        }
    }
    x->fd = fd;
    x->entries = (gm_index_entry_t*)((char*)x->head + GM_INDEX_HEAD);
    return GM_OK;
}

void gm_index_close(gm_index_t* x) {
    if (x->head) munmap(x->head, (size_t)orders_bytes(x->capacity));
    if (x->fd >= 0 && x->capacity) close(x->fd);
    for (gm_clients_file_t* c = x->clients; c != NULL;) {
        gm_clients_file_t* older = c->older;
        munmap(c->head, (size_t)clients_bytes(c->capacity));
        close(c->fd);
        free(c);
        c = older;
    }
    memset(x, 0, sizeof *x);
    x->fd = -1;
}

void gm_index_replace(gm_index_t* x, gm_index_t* fresh) {
    gm_clients_file_t* first = fresh->clients;
    while (first->older) first = first->older;
    first->older = x->clients;
    munmap(x->head, (size_t)orders_bytes(x->capacity));
    close(x->fd);
    x->fd = fresh->fd;
    x->head = fresh->head;
    x->entries = fresh->entries;
    x->capacity = fresh->capacity;
    __atomic_store_n(&x->clients, fresh->clients, __ATOMIC_RELEASE);
}

void gm_index_discard(gm_index_t* x) {
    const int kept = errno;
    if (x->directory >= 0) {
        unlinkat(x->directory, "orders.index", 0);
        unlinkat(x->directory, "clients.index", 0);
    }
    gm_index_close(x);
    errno = kept;
}

static int grow_clients(gm_index_t* x) {
    gm_clients_file_t* old = x->clients;
    int fd = make_file(x->directory, "clients.index.new");
    gm_clients_file_t* c;
    if (fd < 0) return GM_ERR_IO;
    c = clients_make(fd, old->capacity * 4, 1, old->head);
    if (c == NULL) {
        int kept = errno;
        if (x->directory >= 0) unlinkat(x->directory, "clients.index.new", 0);
        close(fd);
        errno = kept;
        return GM_ERR_IO;
    }
    for (int64_t i = 0; i < old->capacity; i++)
        if (old->slots[i].order_id) clients_put(c, old->slots[i].hash, old->slots[i].order_id);
    if (x->directory >= 0 && renameat(x->directory, "clients.index.new", x->directory, "clients.index") != 0) {
        int kept = errno;
        munmap(c->head, (size_t)clients_bytes(c->capacity));
        close(fd);
        free(c);
        errno = kept;
        return GM_ERR_IO;
    }
    c->older = old;
    __atomic_store_n(&x->clients, c, __ATOMIC_RELEASE);
    return GM_OK;
}

int gm_index_room(gm_index_t* x, int64_t highest_order, int64_t more_clients) {
    if (highest_order >= x->capacity) {
        int64_t capacity = x->capacity;
        void* moved;
        while (capacity <= highest_order) capacity *= 2;
        if (extend(x->fd, orders_bytes(capacity)) != GM_OK) return GM_ERR_IO;
        moved = mremap(x->head, (size_t)orders_bytes(x->capacity), (size_t)orders_bytes(capacity), MREMAP_MAYMOVE);
        if (moved == MAP_FAILED) return GM_ERR_IO;
        x->head = (gm_index_head_t*)moved;
        x->entries = (gm_index_entry_t*)((char*)moved + GM_INDEX_HEAD);
        x->head->capacity = x->capacity = capacity;
    }
    while ((x->clients->head->count + more_clients) * 2 > x->clients->capacity)
        if (grow_clients(x) != GM_OK) return GM_ERR_IO;
    return GM_OK;
}

void gm_index_client(gm_index_t* x, uint64_t hash, int64_t order_id) { clients_put(x->clients, hash, order_id); }

int64_t gm_index_find_client(const gm_index_t* x, uint64_t hash) {
    const gm_clients_file_t* c = (const gm_clients_file_t*)__atomic_load_n(&x->clients, __ATOMIC_ACQUIRE);
    int64_t at = (int64_t)(hash & (uint64_t)(c->capacity - 1));
    for (;;) {
        int64_t id = __atomic_load_n(&c->slots[at].order_id, __ATOMIC_ACQUIRE);
        if (id == 0) return 0;
        if (c->slots[at].hash == hash) return id;
        at = (at + 1) & (c->capacity - 1);
    }
}
