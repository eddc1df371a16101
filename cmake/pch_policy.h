// As pch_io.h, with what most files of the rooms above `policy` read: values, addresses, evidence and plans. Only
// headers that change rarely: an edit of one compiles all these rooms anew.
#include "pch_io.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <unordered_set>

#include "base/error.h"
#include "base/host_file.h"
#include "base/ip.h"
#include "base/secret.h"
#include "base/task.h"
#include "base/text.h"
#include "dns/dns.h"
#include "mail/address.h"
#include "policy/consultations.h"
#include "policy/evidence.h"
#include "policy/plan.h"
#include "policy/relaying.h"
#include "policy/ruling.h"
#include "policy/script_facts.h"
#include "policy/tape.h"
#include "policy/trace.h"
#include "policy/verdict.h"
#include "smtp/reply.h"
