// Whether a configuration is what `postern setup` promises.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "setup/answers.h"

namespace postern::setup {

/// What was asked of the configuration, and what it answered.
struct Proof {
  app::Diagnostics diagnostics;       ///< of loading it, as `postern check` prints them
  std::string conclusion;             ///< of the restriction lists: "closed: ..."
  std::vector<std::string> dialogue;  ///< of a first session: "RCPT TO:<...> -> 554 5.7.1 ..."
  std::string trouble;                ///< one sentence; empty: it is proved

  /// Whether the configuration may be put in place.
  bool holds() const { return trouble.empty(); }
};

/// Loads the text as `postern check` does, proves that unknown clients cannot relay, and plays the
/// envelopes of a first session against its engine: nothing is sent and nobody is asked. `name`: of
/// the file, in diagnostics. Blocks for some 100 ms.
Proof prove(const std::string& text, const std::string& name, const Answers& answers,
            const app::LoadOptions& options);

}  // namespace postern::setup
