/* SPDX-License-Identifier: GPL-2.0-or-later */
/* oci_layers: the members of an image's layers -> a tree, one layer on top of the other.
 * What a file's name may lead to, and what whiteouts hide, is as umoci has it. */
#ifndef COMPILER_OCI_LAYERS_H
#define COMPILER_OCI_LAYERS_H

#include "oci_layout.h"
#include "tree.h"

/* Applies them all. 0 or -1. */
int oci_layers_add(struct oci_layers *layers, struct tree *t, const struct place *place,
	struct diag *d);

#endif
