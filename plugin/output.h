/* What the C and the Go half of the output know of each other. */
#ifndef SECRETWATCH_OUTPUT_H
#define SECRETWATCH_OUTPUT_H

#include "abi.h"

/* The instance's alias or numbered name, NULL where the host lacks the function.
 * plugin is what FLBPluginInit was called with. */
const char *sw_output_name(void *plugin);

#endif
