package voicehub.engines;

import java.io.Reader;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

import org.apache.lucene.analysis.charfilter.HTMLStripCharFilter;
import org.apache.lucene.analysis.charfilter.MappingCharFilter;
import org.apache.lucene.analysis.charfilter.NormalizeCharMap;
import org.apache.lucene.analysis.pattern.PatternReplaceCharFilter;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.CharFilterFactory;
import org.elasticsearch.index.analysis.NormalizingCharFilterFactory;
import org.elasticsearch.index.analysis.PreConfiguredCharFilter;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;

/** Character filters of analysis-common. */
final class CharFilters {

    private CharFilters() {
    }

    static Map<String, AnalysisProvider<CharFilterFactory>> configurable() {
        return Map.of(
            "html_strip", (index, environment, name, settings) -> plain(name, HTMLStripCharFilter::new),
            "mapping", needing(s -> {
                NormalizeCharMap map = mappings(s.getAsList("mappings"));
                return in -> new MappingCharFilter(map, in);
            }),
            "pattern_replace", needing(s -> {
                Pattern pattern = Pattern.compile(s.get("pattern"));
                String replacement = s.get("replacement", "");
                return in -> new PatternReplaceCharFilter(pattern, replacement, in);
            }));
    }

    static List<PreConfiguredCharFilter> ready() {
        return List.of(PreConfiguredCharFilter.singleton("html_strip", false, HTMLStripCharFilter::new));
    }

    /** For normalizers too; every index builds it, even one that does not name it, unless it is marked as needing settings. */
    private static AnalysisProvider<CharFilterFactory> needing(Function<Settings, UnaryOperator<Reader>> maker) {
        return AnalysisPlugin.requiresAnalysisSettings((index, environment, name, settings) -> {
            CharFilterFactory filter = plain(name, maker.apply(settings));
            return new NormalizingCharFilterFactory() {
                @Override
                public String name() {
                    return name;
                }

                @Override
                public Reader create(Reader in) {
                    return filter.create(in);
                }
            };
        });
    }

    private static CharFilterFactory plain(String name, UnaryOperator<Reader> filter) {
        return new CharFilterFactory() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public Reader create(Reader in) {
                return filter.apply(in);
            }
        };
    }

    /** Rules of the form {@code from => to}. */
    private static NormalizeCharMap mappings(List<String> rules) {
        NormalizeCharMap.Builder map = new NormalizeCharMap.Builder();
        for (String rule : rules) {
            String[] sides = rule.split("=>", 2);
            if (sides.length != 2) {
                throw new IllegalArgumentException("a rule of a mapping is [from => to], not [" + rule + "]");
            }
            map.add(sides[0].strip(), sides[1].strip());
        }
        return map.build();
    }
}
