# The course in JupyterLab, with the CPU build of PyTorch, as an ordinary user.
#
#   docker build -t log-probability-course .
#   docker run --rm -p 127.0.0.1:8888:8888 -v "$PWD/work:/home/student/work" log-probability-course
#
# Then open the address that it prints. Your notebooks are in the volume, here the folder work/.
FROM python:3.13-slim-trixie

RUN useradd --create-home --uid 1000 student
WORKDIR /opt/course

# What changes seldom comes first, so that a new lesson does not install PyTorch again.
COPY pyproject.toml constraints.txt ./
RUN pip install --no-cache-dir -c constraints.txt --index-url https://download.pytorch.org/whl/cpu torch
COPY . .
RUN pip install --no-cache-dir -c constraints.txt -e ".[lab]"

USER student
RUN mkdir /home/student/work
VOLUME /home/student/work
EXPOSE 8888
# The port is open within the container alone; `docker run -p` above lends it to this machine and to no other.
CMD ["course", "lab", "--ip", "0.0.0.0", "--port", "8888", "--no-browser", "--work", "/home/student/work"]
