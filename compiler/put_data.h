/* SPDX-License-Identifier: GPL-2.0-or-later */
/* put_data: the contents of files whose blocks are known, into these blocks. */
#ifndef COMPILER_PUT_DATA_H
#define COMPILER_PUT_DATA_H

#include "put_inode.h"

/* Of every NODE_FILE of the tree. Fails where a host file is not what was scanned. */
int put_data(struct put *p);

#endif
