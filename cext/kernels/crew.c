/* Episodes stepped together by threads of their own. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "environment.h"

struct gm_crew {
    gm_stage_t** stages;
    int32_t count;
    pid_t process;                      /* whose threads they are: a forked child has none of them */
    pthread_t* hands;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    int64_t round;                      /* of work given out */
    int32_t next, busy, stop, started;
    /* the round's work */
    const double* actions;
    const uint64_t* seeds;
    float *out, *last;
    double *rewards, *figures;
    int8_t* ended;
};

static void see(const gm_stage_t* g, float* out) { memcpy(out, g->seats[0].seen, sizeof g->seats[0].seen); }

static void step_one(gm_crew_t* c, gm_stage_t* g, int32_t i) {
    gm_seat_t* a = &g->seats[0];
    if (c->seeds) {
        c->ended[i] = gm_stage_begin(g, c->seeds[i]) == GM_OK ? 0 : -1;
        see(g, c->out + (size_t)i * GM_OBSERVATION);
        return;
    }
    a->pace = c->actions[3 * i];
    a->place = (int32_t)c->actions[3 * i + 1];
    a->reach = c->actions[3 * i + 2];
    gm_stage_step(g);
    c->rewards[i] = a->reward;
    c->ended[i] = a->done;
    if (a->done) {
        see(g, c->last + (size_t)i * GM_OBSERVATION);
        gm_stage_figures(g, a, c->figures + (size_t)i * GM_FIGURES);
        if (gm_stage_begin(g, gm_stage_next_seed(g)) != GM_OK) c->ended[i] = -1;
    }
    see(g, c->out + (size_t)i * GM_OBSERVATION);
}

static void share_work(gm_crew_t* c) {
    int32_t i;
    while ((i = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED)) < c->count) {
        gm_stage_t* g = c->stages[i];
        g->n->call->enter(g->n);
        step_one(c, g, i);
        g->n->call->leave(g->n);
    }
}

static void* hand(void* given) {
    gm_crew_t* c = (gm_crew_t*)given;
    int64_t seen = 0;
    for (;;) {
        pthread_mutex_lock(&c->lock);
        while (c->round == seen && !c->stop) pthread_cond_wait(&c->work, &c->lock);
        seen = c->round;
        if (c->stop) {
            pthread_mutex_unlock(&c->lock);
            return NULL;
        }
        pthread_mutex_unlock(&c->lock);
        share_work(c);
        pthread_mutex_lock(&c->lock);
        if (--c->busy == 0) pthread_cond_signal(&c->done);
        pthread_mutex_unlock(&c->lock);
    }
}

static void run_round(gm_crew_t* c) {
    pthread_mutex_lock(&c->lock);
    c->next = 0;
    c->busy = c->started;
    c->round++;
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->lock);
    share_work(c);
    pthread_mutex_lock(&c->lock);
    while (c->busy > 0) pthread_cond_wait(&c->done, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

gm_crew_t* gm_crew_make(gm_stage_t** stages, int32_t count, int32_t threads) {
    gm_crew_t* c = (gm_crew_t*)calloc(1, sizeof *c);
    sigset_t all, before;
    if (c == NULL) return NULL;
    c->count = count;
    c->process = getpid();
    c->stages = (gm_stage_t**)malloc((size_t)count * sizeof *stages);
    c->hands = (pthread_t*)malloc((size_t)threads * sizeof *c->hands);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->work, NULL);
    pthread_cond_init(&c->done, NULL);
    if (c->stages == NULL || c->hands == NULL) {
        gm_crew_free(c);
        return NULL;
    }
    memcpy(c->stages, stages, (size_t)count * sizeof *stages);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);            /* signals are for the program's own threads */
    while (c->started < threads - 1 && pthread_create(&c->hands[c->started], NULL, hand, c) == 0) c->started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return c;
}

void gm_crew_free(gm_crew_t* c) {
    if (c == NULL || c->process != getpid()) return;        /* in a forked child nobody would answer, or let go of the lock */
    pthread_mutex_lock(&c->lock);
    c->stop = 1;
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->lock);
    for (int32_t k = 0; k < c->started; k++) pthread_join(c->hands[k], NULL);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->work);
    pthread_cond_destroy(&c->done);
    free(c->stages);
    free(c->hands);
    free(c);
}

void gm_crew_step(gm_crew_t* c, const double* actions, float* out, double* rewards, int8_t* ended, float* last, double* figures) {
    c->seeds = NULL;
    c->actions = actions;
    c->out = out;
    c->rewards = rewards;
    c->ended = ended;
    c->last = last;
    c->figures = figures;
    run_round(c);
}

void gm_crew_begin(gm_crew_t* c, const uint64_t* seeds, float* out, int8_t* ended) {
    c->seeds = seeds;
    c->out = out;
    c->ended = ended;
    run_round(c);
}
