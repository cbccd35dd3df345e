#!/usr/bin/env python3
"""FedAvg in PyTorch: clients spread over worker processes, which hold one model each and share the
data by fork. Prints as JSON the seconds of each round and the memory of all processes."""
import argparse
import json
import multiprocessing
import os
import time
import warnings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before torch is loaded

import torch  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402

from networks import NETWORKS  # noqa: E402
from torch_steps import make_model  # noqa: E402

BATCH = 32


def memory_kib():
    """Proportional set size: pages that processes share count once over all of them."""
    with open("/proc/self/smaps_rollup", encoding="utf-8") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))


def tensors(model):
    return [value.detach() for value in model.state_dict().values()]


def load(model, values):
    with torch.no_grad():
        for old, new in zip(tensors(model), values):
            old.copy_(torch.as_tensor(new))


def train(model, samples, labels, order):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, foreach=True)
    for batch in order.split(BATCH):
        x = samples[batch]
        if x.dim() == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad(set_to_none=True)
        cross_entropy(model(x), labels[batch]).backward()
        optimizer.step()


def work(pipe, network, kind, data, seed):
    """A worker: (global model, client) in, the client's model out; None asks for the memory."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    model = make_model(network, kind)
    while (task := pipe.recv()) is not None:
        values, client = task
        load(model, values)
        samples, labels = data[client]
        train(model, samples, labels, torch.randperm(len(labels), generator=generator))
        pipe.send([value.numpy() for value in tensors(model)])
    pipe.send(memory_kib())


def mean(models):
    return [sum(values) / len(models) for values in zip(*models)]


def play_round(pipes, values, clients):
    todo, busy, models = list(clients), [], []
    while todo or busy:
        for pipe in pipes:
            if todo and pipe not in busy:
                pipe.send((values, todo.pop()))
                busy.append(pipe)
        for pipe in multiprocessing.connection.wait(busy):
            models.append(pipe.recv())
            busy.remove(pipe)
    return mean(models)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True, choices=NETWORKS)
    parser.add_argument("--kind", required=True, choices=["fp32", "QAT"])
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--samples", type=int, default=600, help="of each client")
    parser.add_argument("--cohort", type=int, default=10, help="clients in a round")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = NETWORKS[args.network]
    _, _, shape, classes = network
    data = [(torch.rand(args.samples, *shape), torch.randint(0, classes, (args.samples,)))
            for _ in range(args.clients)]
    values = [value.numpy() for value in tensors(make_model(network, args.kind))]
    pipes = []
    for worker in range(args.workers):
        ours, theirs = multiprocessing.Pipe()
        multiprocessing.Process(target=work, args=(theirs, network, args.kind, data, worker),
                                daemon=True).start()
        pipes.append(ours)
    seconds = []
    for _ in range(args.rounds):
        start = time.perf_counter()
        values = play_round(pipes, values, torch.randperm(args.clients)[:args.cohort].tolist())
        seconds.append(time.perf_counter() - start)
    memory = memory_kib()
    for pipe in pipes:
        pipe.send(None)
        memory += pipe.recv()
    print(json.dumps({"seconds": seconds, "memory_mib": memory / 1024}))


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    main()
