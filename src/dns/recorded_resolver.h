// DNS out of a file: for `explain --dns`, for tests, and for making a recorded decision again.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "dns/resolver.h"

namespace postern::dns {

/// Knows what it was given and nothing else: another name does not exist, another type has no data.
/// Answers at once and is safe from any thread.
class RecordedResolver final : public Resolver {
 public:
  explicit RecordedResolver(std::vector<std::pair<Question, Answer>> answers);

  /// JSON in one of two forms; `{"dns": …}` and `{"zone": …}` around either is looked through.
  ///  * A zone, `{name: {TYPE: records | fault, "*": fault, "!": fault | options}}`, as the test
  ///    suites' DNS stub reads it: wildcards, aliases and faults included. A fault that only a wire
  ///    can show (GARBAGE) is a server failure; a delay beyond the caller's limit is a time-out.
  ///    Beside `{"zone": …}` may stand `"sec": {"default": verdict, "secure": [name…], "overrides":
  ///    {"name/TYPE": verdict}}` with the verdicts of a validator, `secure`, `insecure` or `bogus`.
  ///  * The answers of a trace, `[{"name", "type", "status", "records", "secure", "ttl"}]`.
  /// Fault::malformed says which name cannot be read, or what line has no type of records.
  static Result<std::unique_ptr<RecordedResolver>> parse(std::string_view json);

  ~RecordedResolver() override;
  Task<Answer> lookup(Question question, std::chrono::milliseconds limit) override;

 private:
  class Zone;
  RecordedResolver();

  std::vector<std::pair<Question, Answer>> answers_;  ///< sorted, names lower case without dot
  std::unique_ptr<Zone> zone_;                        ///< null for recorded answers
};

}  // namespace postern::dns
