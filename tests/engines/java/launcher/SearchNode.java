import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.elasticsearch.bootstrap.BootstrapCheck;
import org.elasticsearch.bootstrap.BootstrapContext;
import org.elasticsearch.bootstrap.BootstrapInfo;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.transport.BoundTransportAddress;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * One Elasticsearch node from its published jars: {@code SearchNode HOME MODULES}.
 *
 * <p>HOME holds config/ and gets data/ and logs/; MODULES holds one folder per module, each loaded by a class loader of its own, as
 * the distribution does it. The bootstrap checks are left out: they are about production machines, this node is on the loopback.
 */
public final class SearchNode extends Node {

    private SearchNode(Environment environment, PluginsLoader plugins) {
        super(environment, plugins);
    }

    @Override
    protected void validateNodeBeforeAcceptingRequests(BootstrapContext context, BoundTransportAddress address, List<BootstrapCheck> checks) {
    }

    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[0]).toAbsolutePath().normalize();
        Path modules = Path.of(arguments[1]).toAbsolutePath().normalize();
        Files.createDirectories(home.resolve("logs"));

        // Logging comes before any class that owns a logger.
        LogConfigurator.registerErrorListener();
        BootstrapInfo.init();
        LogConfigurator.configureESLogging();
        Settings settings = Settings.builder().put("path.home", home.toString()).build();
        Environment environment = InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), home.resolve("config"), () -> "hub");
        LogConfigurator.setNodeName("hub");
        LogConfigurator.configure(environment, true);

        PluginsLoader plugins = PluginsLoader.createPluginsLoader(
            PluginsLoader.loadModulesBundles(modules, false), Set.of(), Map.of(), false);
        SearchNode node = new SearchNode(environment, plugins);
        CountDownLatch closed = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> end(node, closed), "end"));
        node.start();
        closed.await();
    }

    /** Finishes what was accepted, then closes; an interrupted or failed close is the end of the process all the same. */
    private static void end(Node node, CountDownLatch closed) {
        try {
            node.prepareForClose();
            node.close();
            node.awaitClose(10, TimeUnit.SECONDS);
        } catch (java.io.IOException | InterruptedException failure) {
            System.err.println("the node did not close cleanly: " + failure);
        } finally {
            closed.countDown();
        }
    }
}
