// The subcommands about mail itself: DKIM keys and signatures, SPF, DMARC, routes. They need no
// gateway; `dkim keys` asks one, or reads its database.
#pragma once

#include "cli/commands.h"

namespace postern::app {

/// `postern dkim keys`.
int run_dkim_keys(const Arguments& arguments, Streams& streams);
/// `postern dkim keygen`.
int run_dkim_keygen(const Arguments& arguments, Streams& streams);
/// `postern dkim sign`.
int run_dkim_sign(const Arguments& arguments, Streams& streams);
/// `postern dkim verify`.
int run_dkim_verify(const Arguments& arguments, Streams& streams);
/// `postern dkim check`.
int run_dkim_check(const Arguments& arguments, Streams& streams);
/// `postern spf check`.
int run_spf_check(const Arguments& arguments, Streams& streams);
/// `postern dmarc check`.
int run_dmarc_check(const Arguments& arguments, Streams& streams);
/// `postern route`.
int run_route(const Arguments& arguments, Streams& streams);

}  // namespace postern::app
