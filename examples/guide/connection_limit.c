/* SPDX-License-Identifier: BSD-2-Clause */
/* An echo server that serves three clients at a time. Further clients wait in the kernel's backlog. */
#include <ksem/ksem.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static struct ksem_proc *proc;
static ksem_id_t places;

static void *serve(void *arg)
{
	int client = (int)(intptr_t)arg;
	char byte;

	while (read(client, &byte, 1) == 1 && write(client, &byte, 1) == 1)
		;
	close(client);
	ksem_post(proc, places);
	return NULL;
}

int main(void)
{
	struct sockaddr_in at;
	socklen_t size = sizeof(at);
	int client, listener = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	proc = ksem_private();
	if (!proc || ksem_init(proc, 3, &places) || listen(listener, 128) ||
	    getsockname(listener, (struct sockaddr *)&at, &size) || printf("port %d\n", ntohs(at.sin_port)) < 0)
		return 1;
	fflush(stdout);
	while (!ksem_wait(proc, places) && (client = accept(listener, NULL, NULL)) >= 0)
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)client) || pthread_detach(thread))
			return 1;
	return 1;
}
