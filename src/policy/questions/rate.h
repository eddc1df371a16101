// Question: has the candidate's webhook room for one message more?
#pragma once

#include <cstdint>
#include <string>

#include "policy/evidence.h"

namespace postern::policy::questions {

struct Rate {
  bool limited = false;   ///< the webhook has a limit: Evidence::rate_tokens is needed
  bool available = true;  ///< one message fits
  double left = 0;        ///< messages; 0 where the bucket is empty or was not looked into
  std::uint64_t a_minute = 0;

  /// For the trace: "3.0 of 10 a minute left".
  std::string words() const;
};
Rate rate(const Evidence& evidence);

}  // namespace postern::policy::questions
