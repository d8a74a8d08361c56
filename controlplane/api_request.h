/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to the API, apart from how it came: the readers of its parameters, and its reply. What a reader
 * refuses, it says in the reply, so a handler only has to return. Control thread.
 */
#pragma once

#include <jansson.h>
#include <sys/queue.h>

#include "gateway.h"

#define API_ARGS_MAX 16
#define API_BODY_MAX 65536 /* bytes; the longest real one has a few hundred */

struct api_request;
struct history_ticket;
LIST_HEAD(api_request_list, api_request);

struct api_arg {
	const char *key;
	const char *value; /* "" if it has none */
};

/* What is sent back: `text` of `content_type` if there is one, else `body`. */
struct api_reply {
	int status; /* HTTP; 0: not answered yet */
	json_t *body;
	char *text; /* malloc'ed */
	const char *content_type;
};

struct api_request {
	struct gateway *g;
	struct api_arg arg[API_ARGS_MAX];
	size_t arg_count;
	json_t *body; /* of a POST: an object; owned */
	struct api_reply reply;

	/* For one that is answered later: the handler sets `waiting` and `cancel` (which forgets what would answer
	 * it), and whoever answers calls api_request_finish(). */
	bool waiting;
	void (*cancel)(struct api_request *rq);
	struct loop_watch *timer;
	struct api_work { /* api_work.h: what makes the answer in turns */
		bool (*run)(struct api_request *rq, void *state);
		void (*free_state)(void *state);
		void *state;
	} work;
	struct api_request_list *event_waiters;
	LIST_ENTRY(api_request) link; /* in event_waiters */
	uint64_t after; /* events: number of the last one known */
	struct history_ticket *ticket; /* what is asked of the history */
	json_t *draft; /* explain: the answer but for the live flow; owned */

	/* Called when a waiting request has its reply. */
	void (*finished)(void *arg);
	void *finished_arg;
};

/* Releases what the request holds, cancelled if it is still waiting. Not the struct itself. */
void api_request_fini(struct api_request *rq);

/* The reply is filled in: ends the waiting. */
void api_request_finish(struct api_request *rq);

void api_reply_json(struct api_request *rq,
		json_t *body); /* 200; takes the reference; NULL: out of memory */
void api_reply_text(struct api_request *rq, char *text,
		const char *content_type); /* the same, malloc'ed */

/* What was wrong with which value of which field, and what to do; each but `message` may be NULL. */
struct api_fault {
	int status;
	const char *message, *field, *value, *hint;
};
void api_reply_fault(struct api_request *rq, const struct api_fault *fault);

/* Readers of the query string and of the body. Each returns 0, or -1 with the reply made; out is only written when the
 * field is there. `known` ends with NULL. */
int api_args_known(struct api_request *rq, const char *const *known);
const char *api_arg_or_null(const struct api_request *rq, const char *key);
int api_arg_number(struct api_request *rq, const char *key, uint64_t max, uint64_t *out);

int api_body_known(struct api_request *rq, const char *const *known);
int api_body_share(
		struct api_request *rq, const char *key, uint32_t *out); /* 0..1 to 0..SHARE_ONE */
int api_body_number(struct api_request *rq, const char *key, uint64_t max, uint64_t *out);
int api_body_bool(struct api_request *rq, const char *key, bool *out);
/* A field that must be there: -1 with the reply made if it is not. */
int api_body_required(struct api_request *rq, const char *key);

/* The service (and endpoint) that "service" and "endpoint" of the body name. NULL with the reply made. */
struct endpoint *api_body_endpoint_or_null(struct api_request *rq);

/* The same from names; `endpoint` "" is an error too. NULL with the reply (404) made. */
struct service *api_service_or_null(struct api_request *rq, const char *service);
struct endpoint *api_endpoint_or_null(
		struct api_request *rq, const char *service, const char *endpoint);

/* Numbers for people and programs: null for what was not measured. */
json_t *api_real(double value);
json_t *api_count(uint64_t value);
/* Null if `seconds` is 0: nothing measured yet. */
json_t *api_rate(uint64_t delta, double seconds);
json_t *api_share(uint32_t share); /* of SHARE_ONE, as 0..1 */
json_t *api_address(const struct ip_addr *a);
