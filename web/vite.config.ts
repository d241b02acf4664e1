import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Pages lie beside each other; what they load is below /ui. The server is built with the files of `built`, whose names stay:
// it tells browsers by their hashes whether they have them.
export default defineConfig({
  base: "/ui/",
  plugins: [react()],
  build: {
    outDir: "built",
    emptyOutDir: false,
    rollupOptions: {
      input: { agent: "agent.html" },
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
});
