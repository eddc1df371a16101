// Payload templates: the part of Go's text/template that a webhook needs (docs/payload.md).
// {{.Field}} {{.Auth.SPF.Result}} {{$.Subject}}  a value; an absent one is empty
//   {{json .Field}} {{index .Headers "X-Tag" 0}} {{eq .A "b" "c"}} {{default "none" .Subject}}
//   {{.Field | json}}  {{if ..}} {{else if ..}} {{else}} {{end}}  {{range ..}}  {{with ..}}
// {{- trims blanks before and after -}}  {{/* comment */}}
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/error.h"
#include "base/memory_budget.h"

namespace postern::deliver {

/// Longest template, in octets.
inline constexpr std::size_t max_template_size = 64 * 1024;
/// Iterations of all `range` blocks in one rendering.
inline constexpr std::size_t max_template_iterations = 10000;
/// Longest output, in octets.
inline constexpr std::size_t max_template_output = 10 * 1024 * 1024;

/// Defined in template_tree.h.
struct TemplateTree;

/// A parsed template. Copies share it; safe from any thread.
class Template {
 public:
  /// Fault::malformed, or Fault::limit if it is too long; messages begin with `line:column: `.
  static Result<Template> parse(std::string_view text);

  /// For render(); valid as long as a copy exists.
  const TemplateTree& tree() const { return *tree_; }

 private:
  explicit Template(std::shared_ptr<const TemplateTree> tree) : tree_(std::move(tree)) {}
  std::shared_ptr<const TemplateTree> tree_;
};

/// Renders the template with `data` (template_data() of a payload). Fault::limit: a limit is
/// exceeded. Fault::malformed: a value does not fit its use. Fault::temporary: `charge` cannot be
/// met. Messages begin with `line:column: `. Memory for intermediate values and output is charged
/// in addition to what `charge` has; afterwards `charge` has its old amount and the output.
Result<std::string> render(const Template& parsed, const boost::json::value& data,
                           MemoryCharge& charge);

}  // namespace postern::deliver
