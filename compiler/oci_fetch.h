/* SPDX-License-Identifier: GPL-2.0-or-later */
/* oci_fetch: images of registries, brought to the store by skopeo, which knows the host's
 * proxies, credentials and policies:
 *
 *     images/DIGEST/layout    an OCI image layout with this one image
 *
 * DIGEST is the SHA-256 of the manifest, or of the list of manifests, that the registry
 * calls by the tag: what a lock pins. */
#ifndef COMPILER_OCI_FETCH_H
#define COMPILER_OCI_FETCH_H

#include "base.h"
#include "store.h"

/* 1 where the text is "docker://…". */
int oci_fetch_is_meant(const char *reference);

/* The digest after "@sha256:" in a reference: 1, or 0 where there is none. */
int oci_fetch_named(const char *reference, char digest[DIGEST_HEX]);

/* Asks the registry what a reference means now. 0 or -1. */
int oci_fetch_ask(const char *reference, const struct place *place,
	const struct base_options *o, char digest[DIGEST_HEX], struct diag *d);

/* The folder in the store that has the image of that digest, for oci_open(), or NULL. */
const char *oci_fetch_find(
	const struct store *s, const char digest[DIGEST_HEX], struct arena *a);

/* The same, fetched where it is not there. The caller holds the store's lock. NULL on
 * failure, which leaves nothing. */
const char *oci_fetch(const char *reference, const char digest[DIGEST_HEX],
	struct store *s, const struct place *place, const struct base_options *o,
	struct arena *a, struct diag *d);

#endif
