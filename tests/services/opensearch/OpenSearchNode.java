import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One node for tests: no plug-ins, plain HTTP, on this machine only. Arguments: a folder and the port. */
public class OpenSearchNode extends OpenSearchRunner {
    public static void main(String[] args) {
        OpenSearchNode node = new OpenSearchNode();
        // The runner looks for a free port near 9200 unless it has no highest one; the port is the base plus the node's number.
        node.maxHttpPort = -1;
        int port = Integer.parseInt(args[1]);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (java.io.IOException error) {
                error.printStackTrace();
            }
        }));
        node.onBuild((number, settings) -> {
            settings.put("network.host", "127.0.0.1");
            settings.put("transport.port", 0);
            // A full disk of a developer's machine must not make indexes read-only.
            settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
        }).build("-basePath", args[0], "-numOfNode", "1", "-baseHttpPort", String.valueOf(port - 1),
                "-clusterName", "collector-tests");
        try {
            Thread.currentThread().join();
        } catch (InterruptedException stopped) {
            System.exit(0);
        }
    }
}
