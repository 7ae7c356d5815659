/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that processes share, made, found and taken away at once: lib/shared/doubt.h.
 *
 * HOLDERS processes open the name OPENS times each, and make the semaphore where there is none. UNLINKERS take the name
 * away, once each; any of them may fail to, or die, anywhere, and may be stopped for as long as all others need.
 *
 * One step is one atomic operation on a page or one system call. Orders: as if sequentially consistent.
 *
 * What is shown: no open returns a semaphore whose name had gone before the open began.
 */
#define FILES (HOLDERS * OPENS + 1)

byte name;             /* the file that the directory has by the name; 0: none */
byte files;            /* that were made */
bool gone[FILES];      /* had the name, and has it no more */
bool in_doubt[FILES];  /* the word `doubt` of the page: bit 0 */
byte tells[FILES];     /* and the rest */
byte unlinkers;        /* locks on the name's byte of the directory */

inline lock_byte()   { unlinkers++ }
inline unlock_byte() { unlinkers-- }

/* The word as it was read: doubt and tells in one. */
#define WORD(file) (in_doubt[file] + 2 * tells[file])
#ifdef TELLS_UNCOUNTED
#define UNCHANGED (in_doubt[mine] == (was & 1))
#else
#define UNCHANGED (WORD(mine) == was)
#endif

/* [code: held_find_name] [code: doubt_ask] */
proctype holder()
{
	byte mine, was, opens;
	bool had_gone, settled, same;

	do
	:: opens == OPENS -> break
	:: opens < OPENS ->
		opens++;
		had_gone = gone[mine]; /* the open begins */
		if
		:: mine == 0 -> goto look_in_directory
		:: mine > 0
		fi;
		was = WORD(mine);
		if
		:: was & 1
		:: else -> goto found
		fi;
#ifdef LOCK_LOOKED_FOR_LAST
		same = name == mine;
		settled = unlinkers == 0;
#else
		settled = unlinkers == 0; /* [code: has_unlinker] */
		same = name == mine;      /* [code: file_compare] */
#endif
#ifdef LOCK_IGNORED
		settled = true;
#endif
		if
#ifdef ENDED_UNASKED
		:: settled -> atomic {
#else
		:: settled && same -> atomic {
#endif
				if
				:: UNCHANGED -> in_doubt[mine] = false
				:: else
				fi
			}
		:: else
		fi;
		if
		:: same -> goto found
		:: else -> mine = 0
		fi;
look_in_directory:
		atomic { /* opens the file, or links a new one */
			if
			:: name == 0 ->
				files++;
				name = files;
#ifndef TRUSTED_AT_FIRST
				in_doubt[name] = true
#endif
			:: name > 0
			fi;
			mine = name
		}
		goto opened;
found:
		assert(!had_gone);
opened:
		skip
	od
}

#define MAY_DIE if :: true :: goto ends fi

/* [code: shared_ns_unlink, take_name_away] */
proctype unlinker()
{
	byte told;

#ifndef LOCKED_AFTER_OPENED
	lock_byte(); /* [code: doubt_begin_unlink] */
	MAY_DIE;
#endif
	told = name; /* opens the file */
#ifdef LOCKED_AFTER_OPENED
	lock_byte();
#endif
	MAY_DIE;
	if
	:: told == 0 -> goto ends
	:: told > 0
	fi;
#ifndef TOLD_AFTER
	atomic { in_doubt[told] = true; tells[told]++ } /* [code: doubt_tell] */
	MAY_DIE;
#endif
#ifdef UNLOCKED_BEFORE
	unlock_byte();
#endif
	atomic { /* unlinks, whatever file it now is */
		if
		:: name > 0 -> gone[name] = true; name = 0
		:: true /* it fails */
		fi
	}
#ifdef TOLD_AFTER
	atomic { in_doubt[told] = true; tells[told]++ }
#endif
#ifdef UNLOCKED_BEFORE
	goto unlocked;
#endif
ends:
	unlock_byte(); /* [code: doubt_end_unlink]; or the kernel does, when it dies */
unlocked:
	skip
}

init
{
	byte i;

	atomic {
		do
		:: i < HOLDERS -> run holder(); i++
		:: i >= HOLDERS && i < HOLDERS + UNLINKERS -> run unlinker(); i++
		:: i == HOLDERS + UNLINKERS -> break
		od
	}
}
