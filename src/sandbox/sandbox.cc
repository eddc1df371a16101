#include "sandbox/sandbox.h"

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "sandbox/capabilities.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"

namespace postern::sandbox {

namespace fs = std::filesystem;

namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define POSTERN_SANITIZED
#endif
#endif
// At the exit sanitizers start a process that traces this one.
#if defined(POSTERN_SANITIZED) || defined(__LLVM_INSTR_PROFILE_GENERATE)
constexpr bool instrumented = true;
#else
constexpr bool instrumented = false;
#endif
constexpr std::string_view for_tests =
    "this is a build for tests, whose reports need what the sandbox refuses";

/// Filters the system calls, and adds it to the report.
Result<Report> filtered(Report report, const Calls& calls) {
  if (instrumented) {
    report.lacking = for_tests;
    return report;
  }
  const Result<void> done = filter_calls(calls);
  if (!done && done.error().fault != Fault::not_found) return tl::unexpected(done.error());
  report.seccomp = done.has_value();
  if (!done) report.lacking += (report.lacking.empty() ? "" : "; ") + done.error().message;
  return report;
}

}  // namespace

std::string Report::brief() const {
  if (landlock == 0) return seccomp ? "seccomp" : "none";
  return fmt::format("landlock {}{}", landlock, seccomp ? ", seccomp" : "");
}

Result<Report> put_on_files(const Plan& plan) {
  Report report;
  if (instrumented) {
    report.lacking = for_tests;
    return report;
  }
  report.landlock = landlock_version();
  if (report.landlock == 0) {
    report.lacking = "the kernel has no Landlock, or it is not allowed here";
  } else if (const Result<void> done = restrict_files(plan); !done) {
    return tl::unexpected(done.error());
  }
  return report;
}

Result<Report> put_on_calls(bool network) {
  return filtered({}, {.network = network, .files_later = true, .users = ::geteuid() == 0});
}

Result<Report> put_on(const Plan& plan) {
  Report report;
  if (!plan.programs) {
    auto done = put_on_files(plan);
    if (!done) return done;
    report = std::move(*done);
  }
  const Result<void> dropped = instrumented ? Result<void>() : drop_capabilities();
  if (!dropped && report.lacking.empty()) {
    report.lacking = "the capabilities stay: " + dropped.error().message;
  }
  return filtered(std::move(report), {.programs = plan.programs, .network = plan.network});
}

bool is_below(const fs::path& path, const std::vector<fs::path>& allowed) {
  const auto whole = [](const fs::path& given) {
    std::error_code error;
    const fs::path real = fs::weakly_canonical(fs::absolute(given, error), error);
    const fs::path& found = error ? given : real;
    return found.has_filename() ? found : found.parent_path();
  };
  const fs::path wanted = whole(path);
  return std::ranges::any_of(allowed, [&](const fs::path& one) {
    const fs::path top = whole(one);
    return std::mismatch(top.begin(), top.end(), wanted.begin(), wanted.end()).first == top.end();
  });
}

}  // namespace postern::sandbox
