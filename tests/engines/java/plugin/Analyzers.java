package voicehub.engines;

import java.util.Map;
import java.util.function.Function;

import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.CharArraySet;
import org.apache.lucene.analysis.cjk.CJKAnalyzer;
import org.apache.lucene.analysis.cn.smart.SmartChineseAnalyzer;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.AbstractIndexAnalyzerProvider;
import org.elasticsearch.index.analysis.AnalyzerProvider;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;

/** Whole analyzers of analysis-common and analysis-smartcn. */
final class Analyzers {

    private Analyzers() {
    }

    static Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> all() {
        return Map.of(
            "cjk", analyzer(s -> new CJKAnalyzer("_none_".equals(s.get("stopwords")) ? CharArraySet.EMPTY_SET : CJKAnalyzer.getDefaultStopSet())),
            "english", analyzer(s -> new EnglishAnalyzer()),
            "smartcn", analyzer(s -> new SmartChineseAnalyzer(true)));
    }

    private static AnalysisProvider<AnalyzerProvider<? extends Analyzer>> analyzer(Function<Settings, Analyzer> maker) {
        return (index, environment, name, settings) -> {
            Analyzer analyzer = maker.apply(settings);
            return new AbstractIndexAnalyzerProvider<Analyzer>(name) {
                @Override
                public Analyzer get() {
                    return analyzer;
                }
            };
        };
    }
}
