/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debian_closure: which packages a layer needs: what the lock says, or what apt finds in
 * the archive; and all of them in the store. */
#ifndef COMPILER_DEBIAN_CLOSURE_H
#define COMPILER_DEBIAN_CLOSURE_H

#include "debian_contents.h"

/* Whether the old lock pins all that the layer needs. */
int debian_fits_lock(const struct debian_layer *layer, const char *asked);
/* Takes the old lock's pins. */
void debian_take_lock(struct debian_layer *layer);
/* Asks the archive for the newest of all. Of an essential step that the lock has, all
 * stay while the archive has them. `asked` is what the recipe asks for, by spaces. */
int debian_resolve(struct debian_layer *layer, const char *asked, struct diag *d);

/* Brings the layer's own packages to the store, and the essential ones where `essential`
 * is set. Where one has left the archive newer ones are pinned, s->substituted is set and
 * the layer's key changes. */
int debian_fetch(struct debian_layer *layer, int essential, struct diag *d);

#endif
