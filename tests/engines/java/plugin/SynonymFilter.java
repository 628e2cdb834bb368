package voicehub.engines;

import java.io.IOException;
import java.io.StringReader;
import java.text.ParseException;
import java.util.List;
import java.util.function.Function;

import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.synonym.SolrSynonymParser;
import org.apache.lucene.analysis.synonym.SynonymGraphFilter;
import org.apache.lucene.analysis.synonym.SynonymMap;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.IndexService.IndexCreationContext;
import org.elasticsearch.index.analysis.CharFilterFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;

/** {@code synonym_graph} with inline rules, which pass through the part of the analyzer that stands before it. */
final class SynonymFilter implements TokenFilterFactory {

    private final String name;
    private final Settings settings;

    SynonymFilter(String name, Settings settings) {
        this.name = name;
        this.settings = settings;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public TokenStream create(TokenStream in) {
        throw new IllegalStateException("[" + name + "] works only as a part of an analyzer");
    }

    @Override
    public TokenFilterFactory getChainAwareTokenFilterFactory(
        IndexCreationContext context, TokenizerFactory tokenizer, List<CharFilterFactory> charFilters,
        List<TokenFilterFactory> before, Function<String, TokenFilterFactory> others) {
        SynonymMap map = parse(new Before(tokenizer, before));
        return new TokenFilterFactory() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public TokenStream create(TokenStream in) {
                return map.fst == null ? in : new SynonymGraphFilter(in, map, false);
            }
        };
    }

    private SynonymMap parse(Analyzer before) {
        SolrSynonymParser parser = new SolrSynonymParser(true, settings.getAsBoolean("expand", true), before);
        try {
            parser.parse(new StringReader(String.join("\n", settings.getAsList("synonyms"))));
            return parser.build();
        } catch (IOException | ParseException broken) {
            throw new IllegalArgumentException("the rules of the synonym filter [" + name + "] cannot be read: " + broken.getMessage(), broken);
        }
    }

    /** The analyzer as far as it is built. */
    private static final class Before extends Analyzer {
        private final TokenizerFactory tokenizer;
        private final List<TokenFilterFactory> filters;

        Before(TokenizerFactory tokenizer, List<TokenFilterFactory> filters) {
            this.tokenizer = tokenizer;
            this.filters = filters;
        }

        @Override
        protected TokenStreamComponents createComponents(String field) {
            Tokenizer source = tokenizer.create();
            TokenStream stream = source;
            for (TokenFilterFactory filter : filters) {
                stream = filter.getSynonymFilter().create(stream);
            }
            return new TokenStreamComponents(source, stream);
        }
    }
}
