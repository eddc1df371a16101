// Where DMARC records are found. Private to dmarc/.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "mailauth/dmarc/evaluate.h"

namespace mailauth::dmarc {

/// What is published at one name.
struct Finding {
  bool failed = false;   ///< DNS gave no answer
  bool several = false;  ///< more than one record, so that none counts
  std::optional<Record> record;
};

/// The records of one evaluation: no name is asked for twice.
struct Findings {
  std::map<std::string, Finding, std::less<>> names;
  int queries = 0;
  int limit = max_queries;
};

/// What a tree walk saw (RFC 9989 §4.10).
struct Walk {
  std::string org_domain;
  std::string suffix_domain;  ///< of the record with psd=y that ended the walk above its start
  bool failed = false;        ///< an answer is missing: the true org_domain may be above
};

/// The one record at _dmarc.`domain`; none when there are several (RFC 7489 §6.6.3 step 5,
/// RFC 9989 §4.10).
Evaluation<Finding> find_record(Findings& findings, std::string domain);

/// From `domain` upwards.
Evaluation<Walk> walk_tree(Findings& findings, std::string domain);

}  // namespace mailauth::dmarc
