package voicehub.engines;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;

import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.cn.smart.HMMChineseTokenizer;
import org.apache.lucene.analysis.core.KeywordTokenizer;
import org.apache.lucene.analysis.core.WhitespaceTokenizer;
import org.apache.lucene.analysis.ngram.EdgeNGramTokenizer;
import org.apache.lucene.analysis.ngram.NGramTokenizer;
import org.apache.lucene.analysis.pattern.PatternTokenizer;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.PreConfiguredTokenizer;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;

/** Tokenizers of analysis-common, and the one of analysis-smartcn. */
final class Tokenizers {

    private Tokenizers() {
    }

    static Map<String, AnalysisProvider<TokenizerFactory>> configurable() {
        return Map.of(
            "edge_ngram", tokenizer(s -> new EdgeNGramTokenizer(s.getAsInt("min_gram", 1), s.getAsInt("max_gram", 2))),
            "keyword", tokenizer(s -> new KeywordTokenizer()),
            "ngram", tokenizer(s -> new NGramTokenizer(s.getAsInt("min_gram", 1), s.getAsInt("max_gram", 2))),
            "pattern", tokenizer(s -> new PatternTokenizer(Pattern.compile(s.get("pattern", "\\W+")), s.getAsInt("group", -1))),
            "smartcn_tokenizer", tokenizer(s -> new HMMChineseTokenizer()),
            "whitespace", tokenizer(s -> new WhitespaceTokenizer()));
    }

    /** Those that an analyzer may name without settings of their own. */
    static List<PreConfiguredTokenizer> ready() {
        return List.of(
            PreConfiguredTokenizer.singleton("keyword", KeywordTokenizer::new),
            PreConfiguredTokenizer.singleton("smartcn_tokenizer", HMMChineseTokenizer::new),
            PreConfiguredTokenizer.singleton("whitespace", WhitespaceTokenizer::new));
    }

    private static AnalysisProvider<TokenizerFactory> tokenizer(Function<Settings, Tokenizer> maker) {
        return (index, environment, name, settings) -> TokenizerFactory.newFactory(name, () -> maker.apply(settings));
    }
}
