// Discovery of DMARC records (RFC 7489 §6.6.3, RFC 9989 §4.10). Private to dmarc/.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "mailauth/dmarc/evaluate.h"

namespace mailauth::dmarc {

/// The records at one name.
struct Finding {
  bool failed = false;           ///< the DNS lookup failed
  bool several = false;          ///< there are several records, so none counts
  std::optional<Record> record;  ///< the only record
};

/// The records found in one evaluation; no name is looked up twice.
struct Findings {
  std::map<std::string, Finding, std::less<>> names;  ///< by domain, without "_dmarc."
  int queries = 0;                                    ///< DNS queries so far
  int limit = max_queries;                            ///< at the limit find_record() fails
};

/// The result of a tree walk (RFC 9989 §4.10).
struct Walk {
  std::string org_domain;     ///< the organizational domain
  std::string suffix_domain;  ///< the public suffix, above the start, whose psd=y ended the walk
  bool failed = false;        ///< a lookup failed: the true org_domain may be higher
};

/// The record at _dmarc.`domain`, in normal form; none when there are several (RFC 7489 §6.6.3 step
/// 5, RFC 9989 §4.10). `findings` must outlive the evaluation.
Evaluation<Finding> find_record(Findings& findings, std::string domain);

/// Walks from `domain` up to the root (RFC 9989 §4.10). `findings` must outlive the evaluation.
Evaluation<Walk> walk_tree(Findings& findings, std::string domain);

}  // namespace mailauth::dmarc
