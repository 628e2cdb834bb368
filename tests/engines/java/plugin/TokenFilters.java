package voicehub.engines;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.UnaryOperator;

import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.cjk.CJKBigramFilter;
import org.apache.lucene.analysis.cjk.CJKWidthFilter;
import org.apache.lucene.analysis.core.UpperCaseFilter;
import org.apache.lucene.analysis.en.PorterStemFilter;
import org.apache.lucene.analysis.miscellaneous.ASCIIFoldingFilter;
import org.apache.lucene.analysis.miscellaneous.LengthFilter;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.miscellaneous.TrimFilter;
import org.apache.lucene.analysis.ngram.EdgeNGramTokenFilter;
import org.apache.lucene.analysis.ngram.NGramTokenFilter;
import org.apache.lucene.analysis.reverse.ReverseStringFilter;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.NormalizingTokenFilterFactory;
import org.elasticsearch.index.analysis.PreConfiguredTokenFilter;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;

/** Token filters of analysis-common. */
final class TokenFilters {

    private static final List<String> SCRIPTS = List.of("han", "hiragana", "katakana", "hangul"); // in the order of Lucene's flags

    private TokenFilters() {
    }

    static Map<String, AnalysisProvider<TokenFilterFactory>> configurable() {
        Map<String, AnalysisProvider<TokenFilterFactory>> all = new TreeMap<>();
        all.put("asciifolding", normalizing(s -> {
            boolean keep = s.getAsBoolean("preserve_original", false);
            return in -> new ASCIIFoldingFilter(in, keep);
        }));
        all.put("cjk_width", normalizing(s -> CJKWidthFilter::new));
        all.put("trim", normalizing(s -> TrimFilter::new));
        all.put("uppercase", normalizing(s -> UpperCaseFilter::new));
        all.put("cjk_bigram", plain(s -> {
            int scripts = scripts(s.getAsList("ignored_scripts"));
            boolean unigrams = s.getAsBoolean("output_unigrams", false);
            return in -> new CJKBigramFilter(in, scripts, unigrams);
        }));
        all.put("edge_ngram", plain(s -> {
            Grams grams = new Grams(s);
            return in -> new EdgeNGramTokenFilter(in, grams.shortest, grams.longest, grams.keep);
        }));
        all.put("ngram", plain(s -> {
            Grams grams = new Grams(s);
            return in -> new NGramTokenFilter(in, grams.shortest, grams.longest, grams.keep);
        }));
        all.put("length", plain(s -> {
            int least = s.getAsInt("min", 0);
            int most = s.getAsInt("max", Integer.MAX_VALUE);
            return in -> new LengthFilter(in, least, most);
        }));
        all.put("porter_stem", plain(s -> PorterStemFilter::new));
        all.put("remove_duplicates", plain(s -> RemoveDuplicatesTokenFilter::new));
        all.put("reverse", plain(s -> ReverseStringFilter::new));
        all.put("synonym_graph", AnalysisPlugin.requiresAnalysisSettings(
            (index, environment, name, settings) -> new SynonymFilter(name, settings)));
        return all;
    }

    /** Those that an analyzer may name without settings of their own. */
    static List<PreConfiguredTokenFilter> ready() {
        return List.of(
            PreConfiguredTokenFilter.singleton("asciifolding", true, ASCIIFoldingFilter::new),
            PreConfiguredTokenFilter.singleton("cjk_bigram", false, CJKBigramFilter::new),
            PreConfiguredTokenFilter.singleton("cjk_width", true, CJKWidthFilter::new),
            PreConfiguredTokenFilter.singleton("porter_stem", false, PorterStemFilter::new),
            PreConfiguredTokenFilter.singleton("remove_duplicates", false, RemoveDuplicatesTokenFilter::new),
            PreConfiguredTokenFilter.singleton("reverse", false, ReverseStringFilter::new),
            PreConfiguredTokenFilter.singleton("trim", true, TrimFilter::new),
            PreConfiguredTokenFilter.singleton("uppercase", true, UpperCaseFilter::new));
    }

    /** A filter for analyzers. */
    private static AnalysisProvider<TokenFilterFactory> plain(Function<Settings, UnaryOperator<TokenStream>> maker) {
        return (index, environment, name, settings) -> {
            UnaryOperator<TokenStream> filter = maker.apply(settings);
            return new TokenFilterFactory() {
                @Override
                public String name() {
                    return name;
                }

                @Override
                public TokenStream create(TokenStream in) {
                    return filter.apply(in);
                }
            };
        };
    }

    /** A filter that keyword normalizers may use too. */
    private static AnalysisProvider<TokenFilterFactory> normalizing(Function<Settings, UnaryOperator<TokenStream>> maker) {
        return (index, environment, name, settings) -> {
            TokenFilterFactory filter = plain(maker).get(index, environment, name, settings);
            return new NormalizingTokenFilterFactory() {
                @Override
                public String name() {
                    return name;
                }

                @Override
                public TokenStream create(TokenStream in) {
                    return filter.create(in);
                }
            };
        };
    }

    private static int scripts(List<String> ignored) {
        int flags = 0;
        for (int i = 0; i < SCRIPTS.size(); i++) {
            flags |= ignored.contains(SCRIPTS.get(i)) ? 0 : 1 << i;
        }
        return flags;
    }

    private static final class Grams {
        final int shortest;
        final int longest;
        final boolean keep;

        Grams(Settings settings) {
            shortest = settings.getAsInt("min_gram", 1);
            longest = settings.getAsInt("max_gram", 2);
            keep = settings.getAsBoolean("preserve_original", false);
        }
    }
}
